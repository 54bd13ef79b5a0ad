/* A plugin of qemu-user that counts the guest's instructions and tells the count at marks.
 *
 * - A mark is getpriority(PRIO_PROCESS, MARK) of the guest (scripts/benchmarks/stages.py makes it);
 *   at each, `instructions N` goes to stderr, N counted since the start.
 * - Instructions are counted as their block is entered; what is counted is one thread's work (the
 *   addition is not atomic).
 * - Written for the plugin interface of qemu 5.2 to 8.x (version 1); Debian has no package with its
 *   header, so what is used of it is declared here.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define GETPRIORITY_ARM64 141
#define MARK 0x4B494F53

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_info;

extern void qemu_plugin_register_vcpu_tb_trans_cb(
    qemu_plugin_id_t id, void (*call)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(
    struct qemu_plugin_tb *block, int operation, void *to, uint64_t add);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern void qemu_plugin_register_vcpu_syscall_cb(
    qemu_plugin_id_t id,
    void (*call)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                 uint64_t, uint64_t, uint64_t, uint64_t));

int qemu_plugin_version = 1;

static const int ADD = 0; /* QEMU_PLUGIN_INLINE_ADD_U64 */
static uint64_t executed;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, &executed, qemu_plugin_tb_n_insns(block));
}

static void called(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t which, uint64_t who,
                   uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)cpu, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number == GETPRIORITY_ARM64 && which == 0 && who == MARK)
        fprintf(stderr, "instructions %" PRIu64 "\n", executed);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
