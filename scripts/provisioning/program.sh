# shellcheck shell=bash
# The program: an environment for a release under /opt/kiosk/releases, which sees Debian's packages (libcamera,
# evdev, lgpio), `current` that names the release in use, `updater`, and `bin`, which units and sudoers name:
# kiosk-update's own layout (docs/updates.md), so that a release follows this one. And its models.

OPT=/opt/kiosk
RELEASES=$OPT/releases
MODELS=/var/lib/kiosk/models
PROGRAM_PARTS=(kiosk recognizer store sync hq models pyproject.toml constraints.txt README.md LICENSE)

program_version() {
    if [ -n "$OFFLINE" ]; then bundle_value version; else sed -n 's/^version = "\(.*\)"$/\1/p' "$SOURCE/pyproject.toml" | head -n 1; fi
}

# program_digest: of what would be installed; its last file, so that half an environment has none.
program_digest() {
    local extras
    extras=$(program_extras)
    if [ -n "$OFFLINE" ]; then
        { grep -E '  \./(wheels/|constraints)' "$OFFLINE/SHA256SUMS"; printf '%s\n' "$extras"; } | sha256sum | cut -d' ' -f1
    else
        (cd "$SOURCE" && {
            find "${PROGRAM_PARTS[@]}" -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
            printf '%s\n' "$extras"
        } | sha256sum | cut -d' ' -f1)
    fi
}

program_extras() { if [ "${ANSWER[SCREEN]}" = yes ]; then printf '[screen]'; fi; }

program_is_done() {
    local release
    release=$RELEASES/$(program_version)
    # kiosk-update has gone on from here: an older stick must not take that back.
    if [ -e "$OPT/current/release.json" ] && [ ! -e "$OPT/current/provisioned" ]; then return 0; fi
    [ "$(cat "$release/provisioned" 2>/dev/null)" = "$(program_digest)" ] \
        && [ "$(readlink "$OPT/bin")" = current/bin ] && [ "$(readlink "$OPT/current")" = "releases/$(program_version)" ]
}

program_do() {
    local release sources=(--no-cache-dir --only-binary ':all:') package work
    release=$RELEASES/$(program_version)
    make_folder "$RELEASES"
    listed directories "$release"
    rm -f "$release/provisioned"
    # --clear takes away half of an older try.
    quietly python3 -m venv --clear --system-site-packages "$release"
    work=$(mktemp -d)
    if [ -n "$OFFLINE" ]; then
        sources+=(--no-index --find-links "$OFFLINE/wheels")
        package=$(echo "$OFFLINE"/wheels/kiosk-*.whl)
        cp "$OFFLINE/constraints.txt" "$work/constraints.txt"
    else
        package=$(wheel_of_checkout "$work" "$release")
        cp "$SOURCE/constraints.txt" "$work/constraints.txt"
    fi
    quietly "$release/bin/python" -m pip --disable-pip-version-check install -q "${sources[@]}" --constraint "$work/constraints.txt" \
        "kiosk$(program_extras) @ file://$package"
    # Debian's simplejpeg is built for Debian's numpy and does not load beside the newer one in here.
    [ "${ANSWER[CAMERA]}" != picamera2 ] || quietly "$release/bin/python" -m pip --disable-pip-version-check install -q \
        "${sources[@]}" --no-deps --constraint "$work/constraints.txt" --ignore-installed simplejpeg
    quietly "$release/bin/python" -m kiosk.update.adoption "$package"
    rm -rf "$work"
    quietly "$release/bin/kiosk" --version
    program_digest >"$release/provisioned"
    sync "$release/provisioned"
    point_link "releases/$(program_version)" "$OPT/updater"
    point_link "releases/$(program_version)" "$OPT/current"
    point_link current/bin "$OPT/bin"
}

# wheel_of_checkout WORK RELEASE: built from a copy, so that the checkout stays as it is.
wheel_of_checkout() {
    local work=$1 release=$2
    mkdir "$work/source"
    (cd "$SOURCE" && tar -c --exclude=__pycache__ "${PROGRAM_PARTS[@]}") | tar -x -C "$work/source"
    quietly "$release/bin/python" -m pip --disable-pip-version-check wheel -q --no-cache-dir --no-deps -w "$work" "$work/source"
    echo "$work"/kiosk-*.whl
}

# point_link TARGET LINK: one rename.
point_link() {
    listed files "$2"
    listed files "$2.new"
    ln -sfn "$1" "$2.new"
    mv -fT "$2.new" "$2"
}

kiosk_bin() { printf '%s/bin/kiosk' "$OPT"; }

models_is_done() {
    local found
    [ -x "$(kiosk_bin)" ] && found=$("$(kiosk_bin)" models check --json --to "$MODELS" 2>/dev/null) || return 1
    # Without the liveness weights a terminal starts only with PAD=off.
    [ "${ANSWER[PAD]}" = off ] || grep -q '"pad": true' <<<"$found"
}

models_do() {
    local mirror=()
    [ -z "$OFFLINE" ] || mirror=(--mirror "$OFFLINE/models")
    [ ! -d "$SOURCE/.cache/models" ] || mirror+=(--mirror "$SOURCE/.cache/models")
    quietly "$(kiosk_bin)" models fetch --to "$MODELS" "${mirror[@]}"
    chown -R root:kiosk "$MODELS"
    chmod -R u=rwX,g=rX,o= "$MODELS"
}
