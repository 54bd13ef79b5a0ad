# shellcheck shell=bash
# The settings, from the answers. A file that is there is somebody's and stays, unless --reconfigure.

ETC=/etc/kiosk
DATA_DIR=/var/lib/kiosk
SETTINGS=$ETC/kiosk.toml

# The answers' patterns allow no quote and no backslash, so the values are TOML as they are.
settings_text() {
    cat <<TOML
# Written by provision.sh; yours from then on. docs/ says what else there is.
[terminal]
site = "${ANSWER[SITE]}"
name = "${ANSWER[NAME]}"
zone = "${ANSWER[ZONE]}"

[store]
directory = "$DATA_DIR"
keys = "$(keys_folder)"

[hq]
public_key = "$ETC/hq.pub"

[mqtt]
host = "${ANSWER[BROKER]}"
port = ${ANSWER[BROKER_PORT]}
ca = "$ETC/tls/ca.pem"
certificate = "$ETC/tls/terminal.pem"
key = "$ETC/tls/terminal.key"
TOML
    table camera "source = \"${ANSWER[CAMERA]}\""
    table recognition "weights = \"$MODELS\""
    table pad "mode = \"${ANSWER[PAD]}\""
    table indicators "pins = \"${ANSWER[PINS]}\""
    [ "${ANSWER[PAD]}" = on ] || table enrolment 'require_pad = false'
    [ -z "${ANSWER[RELEASE_KEY]}" ] || table update "public_key = \"$ETC/release.pub\""
    [ "${ANSWER[SCREEN]}" = no ] || table screen 'enabled = true' "language = \"${ANSWER[LANGUAGE]}\""
    site_settings
}

# table NAME LINE…: unless the site file has the table.
table() { site_has "$1" || { printf '\n[%s]\n' "$1"; printf '%s\n' "${@:2}"; }; }

settings_is_done() {
    [ -f "$SETTINGS" ] || return 1
    ! "$RECONFIGURE" || settings_text | holds "$SETTINGS" 644
}

settings_do() {
    settings_text >"$SCRATCH/kiosk.toml"
    quietly "$OPT/current/bin/python" -P -m kiosk.site_answers check "$SCRATCH/kiosk.toml"
    if [ -f "$SETTINGS" ]; then put 644 "$SETTINGS.before" <"$SETTINGS"; fi
    put 644 "$SETTINGS" <"$SCRATCH/kiosk.toml"
}
