# shellcheck shell=bash
# Steps, and the list of what was put on the machine.
#
# A step NAME is two functions: NAME_is_done looks, NAME_do does. `put` is the only way in which files of
# ours get there; it lists a path before it writes it, so that a run cut off leaves nothing unlisted.

STATE=/var/lib/kiosk-provision
STEPS=()

say() { printf '%-6s %-12s %s\n' "$1" "$2" "${3-}"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
wrong() { printf 'error: %s\n' "$*" >&2; exit 2; }

# step NAME WHAT
step() {
    local name=$1 what=$2 outcome
    if "${name}_is_done"; then
        outcome=skip
    elif "$DRY_RUN"; then
        outcome=would
    else
        say doing "$name" "$what"
        "${name}_do"
        "${name}_is_done" || die "$name: it was done, but did not hold; see the lines above and run it again"
        outcome='done'
    fi
    STEPS+=("$name=$outcome")
    say "$outcome" "$name" "$what"
}

# listed KIND VALUE: remember it for --remove; KIND is files, directories, packages or groups.
listed() {
    grep -qxsF -- "$2" "$STATE/$1" || { printf '%s\n' "$2" >>"$STATE/$1"; sync "$STATE/$1"; }
}

# put MODE DESTINATION [OWNER]: stdin into a file that appears whole.
put() {
    local mode=$1 path=$2 owner=${3:-root:root} aside
    make_folder "$(dirname "$path")"
    aside=$path.new
    listed files "$path"
    listed files "$aside"
    install -m 600 /dev/stdin "$aside"
    chown "$owner" "$aside"
    chmod "$mode" "$aside"
    sync "$aside"
    mv -f "$aside" "$path"
    sync "$(dirname "$path")"
}

# make_folder DIRECTORY: with its parents, each listed if it was not there.
make_folder() {
    [ -d "$1" ] && return 0
    make_folder "$(dirname "$1")"
    listed directories "$1"
    mkdir -m 755 "$1"
}

# holds PATH MODE: whether the file is there with the text on stdin and the mode.
holds() { [ -f "$1" ] && [ "$(stat -c %a "$1")" = "$2" ] && cmp -s - "$1"; }

# quietly COMMAND…: its output only when it fails.
quietly() {
    local output
    output=$("$@" 2>&1) || { printf '%s\n' "$output" >&2; die "$1: ended with an error, see above; mend it and run it again"; }
}

# is_booted: whether a systemd runs here; in a chroot units are enabled and not started.
is_booted() { [ -d /run/systemd/system ]; }

look_at_platform() {
    local id='' version=''
    # shellcheck source=/dev/null
    id=$(. /etc/os-release && printf '%s %s' "$ID" "${ID_LIKE-}")
    # shellcheck source=/dev/null
    version=$(. /etc/os-release && printf '%s' "${VERSION_ID%%.*}")
    case " $id " in
        *' ubuntu '*) [ "$version" -ge 24 ] || wrong "Ubuntu 24.04 or newer is needed: Python 3.11" ;;
        *' debian '* | *' raspbian '*) [ "$version" -ge 12 ] || wrong "Debian 12 (Bookworm) or newer is needed" ;;
        *) wrong "this is $id: Raspberry Pi OS, Debian or Ubuntu is needed" ;;
    esac
    MACHINE=$(uname -m)
    case $MACHINE in aarch64 | x86_64) ;; *) wrong "$MACHINE: a 64-bit system (arm64 or amd64) is needed" ;; esac
    # A 64-bit kernel above a 32-bit Raspberry Pi OS takes none of the wheels.
    [ "$(dpkg --print-architecture)" != armhf ] || wrong "this Raspberry Pi OS is 32-bit: install the 64-bit one"
    IS_PI=false
    if tr -d '\0' 2>/dev/null </proc/device-tree/model | grep -q 'Raspberry Pi'; then IS_PI=true; fi
}
