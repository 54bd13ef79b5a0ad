# shellcheck shell=bash
# A site file in place of answers (docs/fleet.md): broker, CA, headquarters' key, zone and the site's settings come
# out of it, and the certificate by a one-time token.
#
# - The program says what is in the file, once it is known whose it is; until it is installed nothing is believed.
# - What the file says goes before the answers. Packages and program come before it can be read, so an answer that
#   they follow and that the file contradicts ends the run.
# - settings, keys and what is trusted are written as ever; `kiosk join` writes the TLS key and the certificate.
# - The token goes to it by stdin, and into no file and no message.

JOIN_WITHIN_S=60 # headquarters that signs by itself answers in seconds; for an operator the same run goes on later
JOIN_ASKED=false # in this run

uses_site_file() { [ -n "${ANSWER[SITE_FILE]-}" ]; }

# is_settled KEY: whether the choice for or against a site file leaves the question without a meaning.
is_settled() {
    case $1 in
        SITE | ZONE | BROKER | BROKER_PORT | BROKER_CA | CERTIFICATE | CERTIFICATE_KEY) uses_site_file ;;
        FINGERPRINT | TOKEN) ! uses_site_file ;;
        *) false ;;
    esac
}

why_settled() { if uses_site_file; then printf 'the site file says it'; else printf 'belongs to a SITE_FILE'; fi; }

# site_mistakes: the same answers as a whole.
site_mistakes() {
    uses_site_file || return 0
    [ -r "${ANSWER[SITE_FILE]}" ] || mistakes+=("SITE_FILE = '${ANSWER[SITE_FILE]}': no such file; every run reads it")
    [ -n "${ANSWER[FINGERPRINT]}${ANSWER[HQ_KEY]}" ] \
        || mistakes+=("FINGERPRINT or HQ_KEY: one of them says whose the site file must be")
}

# site_read: the answers that the file has. Without the program a dry run does not know them.
site_read() {
    local key value trust=(--hq-key "${ANSWER[HQ_KEY]}")
    uses_site_file || return 0
    if "$DRY_RUN" && [ ! -x "$OPT/current/bin/python" ]; then
        say would site "read ${ANSWER[SITE_FILE]}, once the program is there"
        return
    fi
    [ -z "${ANSWER[FINGERPRINT]}" ] || trust=(--fingerprint "${ANSWER[FINGERPRINT]}")
    quietly "$OPT/current/bin/python" -P -m kiosk.site_answers read "${ANSWER[SITE_FILE]}" "${trust[@]}" --out "$SCRATCH/site"
    while IFS='=' read -r key value; do site_said "$key" "$value"; done <"$SCRATCH/site/answers"
    ANSWER[BROKER_CA]=$SCRATCH/site/ca.pem ANSWER[HQ_KEY]=$SCRATCH/site/hq.pub
    say ok site "${ANSWER[SITE]}, as headquarters signed it"
}

site_said() {
    case $1 in
        CAMERA | PINS | SCREEN) [ "${ANSWER[$1]}" = "$2" ] || wrong "$1 = '${ANSWER[$1]}': the site file says $2; answer $1=$2" ;;
    esac
    ANSWER[$1]=$2
}

# site_has TABLE: whether the site's settings have it; it is then the site's as a whole.
site_has() { uses_site_file && grep -qsxF -- "$1" "$SCRATCH/site/tables"; }

site_settings() { if uses_site_file; then printf '\n'; cat "$SCRATCH/site/settings.toml" 2>/dev/null || true; fi; }

join_is_done() {
    [ -f "$ETC/tls/terminal.key" ] || return 1
    if [ -f "$ETC/join-request" ]; then "$JOIN_ASKED"; else [ -f "$ETC/tls/terminal.pem" ] && [ ! -f "$ETC/join.key" ]; fi
}

# What a cut leaves of a file that `kiosk join` was writing has the name that store/files.py gives it.
join_do() {
    local path words status=0
    for path in "$ETC/join-request" "$ETC/join.pem" "$ETC/join.key" "$ETC/tls/terminal.key" "$ETC/tls/terminal.pem"; do
        listed files "${path%/*}/.${path##*/}.partial"
        listed files "$path"
    done
    open_keys
    words=("${ANSWER[SITE_FILE]}" --name "${ANSWER[NAME]}" --hq-key "${ANSWER[HQ_KEY]}" --config "$SETTINGS"
        --provisioned --timeout "$JOIN_WITHIN_S")
    [ "${ANSWER[JOINS]}" = broker ] || words+=(--request-to "$(dirname "${ANSWER[SITE_FILE]}")")
    [ -z "${ANSWER[TOKEN]}" ] || words+=(--token -)
    "$(kiosk_bin)" join "${words[@]}" <<<"${ANSWER[TOKEN]}" || status=$?
    # 8: not joined, as it says itself. With a request that waits it may be later.
    [ "$status" -eq 0 ] || { [ "$status" -eq 8 ] && [ -f "$ETC/join-request" ]; } || die "certificate: no request was made; mend what is said above and run it again"
    JOIN_ASKED=true
}

join_remains() {
    [ -f "$ETC/tls/terminal.pem" ] && [ ! -f "$ETC/join-request" ] && return
    if [ "${ANSWER[JOINS]}" = broker ]; then
        echo "- the request to join waits for headquarters (kiosk-hq join list, join sign); then run this again: delivery starts then"
    else
        echo "- have $(dirname "${ANSWER[SITE_FILE]}")/${ANSWER[SITE]}.${ANSWER[NAME]}.join signed (kiosk-hq join sign), then run this again: delivery starts then"
    fi
}
