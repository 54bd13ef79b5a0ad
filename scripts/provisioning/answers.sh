# shellcheck shell=bash
# The answers: from a file, or asked for. The file is read as text, never run as a program.
#
# A row: KEY | default | pattern of what is allowed | question. Every mistake is told at once.

declare -A ANSWER=()
LABEL='[a-z0-9][a-z0-9-]{0,62}'
YES_NO='(yes|no)'

answers_table() {
    local camera=v4l2 pins=mock
    if "$IS_PI"; then camera=picamera2 pins=auto; fi
    cat <<TABLE
SITE_FILE||(/.+)?|The site's file from headquarters (empty: site, broker and the rest are asked)
FINGERPRINT||([0-9a-fA-F ]{64,79})?|Fingerprint of headquarters' key, as headquarters tells it (empty: HQ_KEY)
TOKEN||([A-Za-z2-7 -]{40,64})?|One-time token (empty: joined or asked already)
SITE||$LABEL|Site, in lower-case letters, digits and hyphens
NAME||$LABEL|This terminal's name at the site
ZONE|$(local_zone)|[A-Za-z]+(/[A-Za-z0-9_+-]+)*|Time zone of the door
BROKER||[A-Za-z0-9.:-]{1,253}|Host of the MQTT broker
BROKER_PORT|8883|[0-9]{1,5}|Its port
BROKER_ADDRESSES||([0-9a-f.:/]+(,[0-9a-f.:/]+)*)?|Its IP addresses, which the firewall then allows and no other (empty: any)
BROKER_CA||/.+|File with the CA's certificate of the broker (PEM)
HQ_KEY||/.+|File with headquarters' public key (hq.pub)
CERTIFICATE||(/.+)?|File with this terminal's TLS certificate (empty: a request is made)
CERTIFICATE_KEY||(/.+)?|File with its key (empty: the one that made the request)
RELEASE_KEY||(/.+)?|File with the public key of who signs updates (empty: kiosk-update is not set up)
CAMERA|$camera|(picamera2|v4l2)|Camera: picamera2 or v4l2
PINS|$pins|(auto|mock)|Lamps and buzzer: auto, or mock where there are none
PAD|on|(on|off)|Liveness check
SCREEN|no|$YES_NO|A display with touch
LANGUAGE|en|(en|zh_CN|es|de)|Language that the screen starts in
SEAL|auto|(auto|no)|Keys sealed with systemd-creds where that works
FIREWALL|yes|$YES_NO|Firewall
SSH_FROM||([0-9a-f.:/]+(,[0-9a-f.:/]+)*)?|Addresses that may come in by SSH (empty: nobody)
UPDATES|yes|$YES_NO|Security updates by themselves
REBOOT_AT|03:30|(never|([01][0-9]|2[0-3]):[0-5][0-9])|When they may restart the terminal, or never
LOGS|ram|(ram|disk)|Logs in memory, to spare the SD card, or on the disk
WATCHDOG|yes|$YES_NO|Hardware watchdog
TABLE
}

local_zone() {
    local zone
    zone=$(readlink -f /etc/localtime 2>/dev/null || true)
    case $zone in /usr/share/zoneinfo/*) printf '%s' "${zone#/usr/share/zoneinfo/}" ;; *) printf 'Etc/UTC' ;; esac
}

# answers_read FILE: fills ANSWER; without a file it asks.
answers_read() {
    local file=$1 mistakes=() key default pattern question
    [ -z "$file" ] || answers_parse "$file"
    while IFS='|' read -r key default pattern question <&3; do
        # A pattern may hold the separator: the question is what follows the last one.
        pattern="$pattern|$question" question=${pattern##*|} pattern=${pattern%|*}
        if is_settled "$key"; then
            [ -z "${ANSWER[$key]-}" ] || mistakes+=("$key: $(why_settled)")
            ANSWER[$key]=''
            continue
        fi
        if [ "$key" = HQ_KEY ] && uses_site_file; then pattern='(/.+)?'; fi
        if [ -z "$file" ]; then
            [ -t 0 ] || wrong "nobody is there to ask; give --answers FILE (docs/provisioning.md)"
            answers_ask "$key" "$default" "$pattern" "$question"
        fi
        [[ -v ANSWER[$key] ]] || ANSWER[$key]=$default
        [[ ${ANSWER[$key]} =~ ^($pattern)$ ]] || mistakes+=("$key = '$(shown "$key")': $question")
    done 3< <(answers_table)
    answers_files
    site_mistakes
    [ ${#mistakes[@]} -eq 0 ] || { printf 'error: %s\n' "${mistakes[@]}" >&2; exit 2; }
}

# shown KEY: the answer, for a message.
shown() { if [ "$1" = TOKEN ]; then printf '(not shown)'; else printf '%s' "${ANSWER[$1]}"; fi; }

answers_parse() {
    local line key known
    [ -r "$1" ] || wrong "$1 cannot be read"
    known=" $(answers_table | cut -d'|' -f1 | tr '\n' ' ')"
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line%$'\r'}
        [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
        key=${line%%=*}
        if [[ $line != *=* ]] || [[ $known != *" $key "* ]]; then
            mistakes+=("$1: '$key' is no known key; known are$known")
        else
            ANSWER[$key]=${line#*=}
        fi
    done <"$1"
}

answers_ask() {
    local key=$1 default=$2 pattern=$3 question=$4 reply silent=''
    [ "$key" != TOKEN ] || silent=yes
    while :; do
        read -r ${silent:+-s} -p "$question${default:+ [$default]}: " reply || wrong "no more answers"
        [ -z "$silent" ] || echo
        reply=${reply:-$default}
        [[ $reply =~ ^($pattern)$ ]] && break
        [ -z "$silent" ] || reply='(not shown)'
        printf 'not allowed: %s\n' "$reply" >&2
    done
    ANSWER[$key]=$reply
}

# Files that the answers name are looked at before anything is changed.
answers_files() {
    local key
    for key in BROKER_CA HQ_KEY CERTIFICATE CERTIFICATE_KEY RELEASE_KEY; do
        # A later run needs the file no more: a copy is in /etc/kiosk.
        [ -z "${ANSWER[$key]}" ] || [ -r "${ANSWER[$key]}" ] || [ -e "$(kept_as "$key")" ] \
            || mistakes+=("$key = '${ANSWER[$key]}': no such file")
    done
    [ -z "${ANSWER[CERTIFICATE_KEY]}" ] || [ -n "${ANSWER[CERTIFICATE]}" ] \
        || mistakes+=("CERTIFICATE_KEY: belongs to a CERTIFICATE")
    [ "${ANSWER[BROKER_PORT]:-0}" -le 65535 ] 2>/dev/null || mistakes+=("BROKER_PORT: 1 to 65535")
    [ -e "/usr/share/zoneinfo/${ANSWER[ZONE]}" ] || [ ! -d /usr/share/zoneinfo ] \
        || mistakes+=("ZONE = '${ANSWER[ZONE]}': no IANA time zone such as Europe/Berlin")
}

kept_as() {
    case $1 in
        BROKER_CA) printf '%s' "$ETC/tls/ca.pem" ;;
        HQ_KEY) printf '%s' "$ETC/hq.pub" ;;
        RELEASE_KEY) printf '%s' "$ETC/release.pub" ;;
        CERTIFICATE) printf '%s' "$ETC/tls/terminal.pem" ;;
        CERTIFICATE_KEY) printf '%s' "$ETC/tls/terminal.key" ;;
    esac
}
