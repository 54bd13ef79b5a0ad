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

[camera]
source = "${ANSWER[CAMERA]}"

[recognition]
weights = "$MODELS"

[pad]
mode = "${ANSWER[PAD]}"

[indicators]
pins = "${ANSWER[PINS]}"
TOML
    [ "${ANSWER[PAD]}" = on ] || printf '\n[enrolment]\nrequire_pad = false\n'
    [ -z "${ANSWER[RELEASE_KEY]}" ] || printf '\n[update]\npublic_key = "%s"\n' "$ETC/release.pub"
    [ "${ANSWER[SCREEN]}" = no ] || printf '\n[screen]\nenabled = true\nlanguage = "%s"\n' "${ANSWER[LANGUAGE]}"
}

settings_is_done() {
    [ -f "$SETTINGS" ] || return 1
    ! "$RECONFIGURE" || settings_text | holds "$SETTINGS" 644
}

settings_do() {
    if [ -f "$SETTINGS" ]; then put 644 "$SETTINGS.before" <"$SETTINGS"; fi
    settings_text | put 644 "$SETTINGS"
}
