/* Makes system calls on files under one folder fail, for tests/store/fault_harness.py, or kills the
 * process before one of them, for tests/store/rotation_harness.py (the armed errno is then -1).
 *
 * Loaded with LD_PRELOAD. KIOSK_FAULT_FOLDER names the folder, with a slash at its end. Every call
 * that is interposed below and concerns a file in it is counted; the one with the armed number
 * fails with the armed errno, and with `lasting` all after it do as well, as on a disk that stays
 * full. Python arms and reads it through ctypes. Single-threaded programs only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MOST_FDS 4096

static long counted, armed_at;
static int armed_errno, lasting;
static const char *last_failed = "";
static char ours[MOST_FDS];

void fault_arm(long at, int error, int stays) {
    counted = 0;
    armed_at = at;
    armed_errno = error;
    lasting = stays;
    last_failed = "";
}

long fault_count(void) { return counted; }

const char *fault_failed(void) { return last_failed; }

static int is_ours(const char *path) {
    const char *folder = getenv("KIOSK_FAULT_FOLDER");
    return folder != NULL && path != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int fails(const char *call) {
    counted++;
    if (armed_at == 0 || counted < armed_at || (counted > armed_at && !lasting)) return 0;
    last_failed = call;
    if (armed_errno == -1) kill(getpid(), SIGKILL);
    errno = armed_errno;
    return 1;
}

static int fd_fails(int fd, const char *call) {
    return fd >= 0 && fd < MOST_FDS && ours[fd] && fails(call);
}

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))real(name))

static int opened(int fd, int mark) {
    if (fd >= 0 && fd < MOST_FDS) ours[fd] = (char)mark;
    return fd;
}

#define OPENER(name)                                                        \
    int name(const char *path, int flags, ...) {                            \
        va_list rest;                                                       \
        va_start(rest, flags);                                              \
        mode_t mode = va_arg(rest, mode_t);                                 \
        va_end(rest);                                                       \
        if (is_ours(path) && fails("open")) return -1;                      \
        return opened(REAL(int, #name, const char *, int, mode_t)(path, flags, mode), is_ours(path)); \
    }

OPENER(open)
OPENER(open64)

#define OPENER_AT(name)                                                     \
    int name(int at, const char *path, int flags, ...) {                    \
        va_list rest;                                                       \
        va_start(rest, flags);                                              \
        mode_t mode = va_arg(rest, mode_t);                                 \
        va_end(rest);                                                       \
        if (is_ours(path) && fails("open")) return -1;                      \
        return opened(REAL(int, #name, int, const char *, int, mode_t)(at, path, flags, mode), is_ours(path)); \
    }

OPENER_AT(openat)
OPENER_AT(openat64)

int close(int fd) {
    opened(fd, 0);
    return REAL(int, "close", int)(fd);
}

ssize_t write(int fd, const void *bytes, size_t n) {
    if (fd_fails(fd, "write")) return -1;
    return REAL(ssize_t, "write", int, const void *, size_t)(fd, bytes, n);
}

#define WRITER_AT(name)                                                     \
    ssize_t name(int fd, const void *bytes, size_t n, off64_t at) {         \
        if (fd_fails(fd, "write")) return -1;                               \
        return REAL(ssize_t, #name, int, const void *, size_t, off64_t)(fd, bytes, n, at); \
    }

WRITER_AT(pwrite)
WRITER_AT(pwrite64)

#define ON_FD(name)                                                         \
    int name(int fd) {                                                      \
        if (fd_fails(fd, "fsync")) return -1;                               \
        return REAL(int, #name, int)(fd);                                   \
    }

ON_FD(fsync)
ON_FD(fdatasync)

#define TRUNCATER(name)                                                     \
    int name(int fd, off64_t length) {                                      \
        if (fd_fails(fd, "truncate")) return -1;                            \
        return REAL(int, #name, int, off64_t)(fd, length);                  \
    }

TRUNCATER(ftruncate)
TRUNCATER(ftruncate64)

#define TWO_PATHS(name, call)                                               \
    int name(const char *from, const char *to) {                            \
        if (is_ours(to) && fails(call)) return -1;                          \
        return REAL(int, #name, const char *, const char *)(from, to);      \
    }

TWO_PATHS(rename, "rename")
TWO_PATHS(link, "link")

int unlink(const char *path) {
    if (is_ours(path) && fails("unlink")) return -1;
    return REAL(int, "unlink", const char *)(path);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    if (is_ours(to) && fails("link")) return -1;
    return REAL(int, "linkat", int, const char *, int, const char *, int)(from_at, from, to_at, to, flags);
}
