# shellcheck shell=bash
# What makes the terminal this one: whom it trusts, its keys, its certificate, its units.

KEY_NAMES=(ledger.key gallery.key templates.key badges.key signing.key sealing.key)
SEALED=$ETC/sealed
PLAIN_KEYS=$ETC/keys
MEMORY_KEYS=/run/kiosk-keys
HOST_KEY=/var/lib/systemd/credential.secret
UNITS=/etc/systemd/system

trusted_is_done() { is_kept BROKER_CA && is_kept HQ_KEY && { [ -z "${ANSWER[RELEASE_KEY]}" ] || is_kept RELEASE_KEY; }; }

# is_kept KEY: whether the file of an answer is in /etc/kiosk; one that can be read no more (a stick) was.
is_kept() { if [ -r "${ANSWER[$1]}" ]; then cmp -s "${ANSWER[$1]}" "$(kept_as "$1")"; else [ -e "$(kept_as "$1")" ]; fi; }

trusted_do() {
    local key
    openssl pkey -pubin -in "${ANSWER[HQ_KEY]}" -noout -text 2>/dev/null | grep -qi ed25519 \
        || die "HQ_KEY: ${ANSWER[HQ_KEY]} is no Ed25519 public key in PEM; kiosk-hq keys create makes hq.pub"
    openssl x509 -in "${ANSWER[BROKER_CA]}" -noout 2>/dev/null || die "BROKER_CA: ${ANSWER[BROKER_CA]} is no certificate in PEM"
    for key in BROKER_CA HQ_KEY ${ANSWER[RELEASE_KEY]:+RELEASE_KEY}; do
        is_kept "$key" || put 644 "$(kept_as "$key")" <"${ANSWER[$key]}"
    done
}

# keys_folder: where [store] keys points. What is there decides; on a new terminal, whether sealing works.
keys_folder() {
    if [ -e "$PLAIN_KEYS/ledger.key" ]; then
        printf '%s' "$PLAIN_KEYS"
    elif compgen -G "$SEALED/*.cred" >/dev/null || sealing_works; then
        printf '%s' "$MEMORY_KEYS"
    else
        printf '%s' "$PLAIN_KEYS"
    fi
}

is_sealed() { grep -qxF "keys = \"$MEMORY_KEYS\"" "$SETTINGS"; }

sealing_works() {
    [ "${ANSWER[SEAL]}" = auto ] && command -v systemd-creds >/dev/null || return 1
    "$DRY_RUN" && return 0 # trying it may make the host's key
    [ -e "$HOST_KEY" ] || listed host_key "$HOST_KEY"
    printf probe | systemd-creds encrypt --with-key=auto --name=probe - - >/dev/null 2>&1
}

keys_is_done() {
    local name
    [ -f "$ETC/signing.pub" ] && [ -f "$ETC/sealing.pub" ] && [ -f "$SETTINGS" ] || return 1
    for name in "${KEY_NAMES[@]}"; do
        if is_sealed; then [ -f "$SEALED/$name.cred" ]; else [ -f "$PLAIN_KEYS/$name" ]; fi || return 1
    done
}

# Keys that are there are opened or kept first, and only what lacks is made: this never replaces a key.
keys_do() {
    local name folder
    folder=$(keys_of_settings)
    if is_sealed; then
        OPENED_KEYS=$MEMORY_KEYS
        if compgen -G "$SEALED/*.cred" >/dev/null; then quietly "$(kiosk_bin)" keys unseal "$SEALED"; fi
        quietly "$(kiosk_bin)" keys create
        for name in "${KEY_NAMES[@]}"; do listed data "$SEALED/$name.cred"; done
        quietly "$(kiosk_bin)" keys seal "$SEALED"
    else
        listed directories "$folder"
        for name in "${KEY_NAMES[@]}" signing.pub sealing.pub; do listed data "$folder/$name"; done
        quietly "$(kiosk_bin)" keys create
        chown -R kiosk:kiosk "$folder"
        chmod 710 "$folder"
        chmod 440 "$folder/ledger.key" # kiosk-sync's through the group
    fi
    for name in signing.pub sealing.pub; do put 644 "$ETC/$name" <"$folder/$name"; done
}

keys_of_settings() { if is_sealed; then printf '%s' "$MEMORY_KEYS"; else printf '%s' "$PLAIN_KEYS"; fi; }

certificate_is_done() {
    local pem=$ETC/tls/terminal.pem
    if uses_site_file; then
        join_is_done
    elif [ -n "${ANSWER[CERTIFICATE]}" ] && [ -r "${ANSWER[CERTIFICATE]}" ]; then
        cmp -s "${ANSWER[CERTIFICATE]}" "$pem" && [ -f "$ETC/tls/terminal.key" ]
    else
        [ -f "$ETC/tls/terminal.key" ] && { [ -f "$pem" ] || [ -f "$ETC/tls/terminal.csr" ]; }
    fi
}

certificate_do() {
    if uses_site_file; then join_do; elif [ -n "${ANSWER[CERTIFICATE]}" ]; then certificate_take; else certificate_request; fi
}

certificate_request() {
    local key=$ETC/tls/terminal.key
    [ -f "$key" ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | put 400 "$key" kiosk-sync:kiosk
    openssl req -new -key "$key" -subj "/CN=${ANSWER[SITE]}\\/${ANSWER[NAME]}" | put 644 "$ETC/tls/terminal.csr"
}

# The daemon would find each of these out too, but at the door and not on the workbench.
certificate_take() {
    local certificate=${ANSWER[CERTIFICATE]} key=${ANSWER[CERTIFICATE_KEY]:-$ETC/tls/terminal.key} name=${ANSWER[SITE]}/${ANSWER[NAME]}
    [ -r "$key" ] || die "certificate: its key is not here; CERTIFICATE_KEY names it"
    [ "$(openssl x509 -in "$certificate" -noout -pubkey)" = "$(openssl pkey -in "$key" -pubout)" ] \
        || die "certificate: $certificate is for another key than $key"
    [ "$(openssl x509 -in "$certificate" -noout -subject -nameopt RFC2253,sep_multiline | sed -n 's/^ *CN=//p')" = "$name" ] \
        || die "certificate: its common name is not $name"
    quietly openssl verify -CAfile "$ETC/tls/ca.pem" -untrusted "$certificate" "$certificate"
    [ "$key" = "$ETC/tls/terminal.key" ] || put 400 "$ETC/tls/terminal.key" kiosk-sync:kiosk <"$key"
    put 644 "$ETC/tls/terminal.pem" <"$certificate"
}

# units_table: SOURCE DESTINATION of every unit and drop-in that this terminal has.
units_table() {
    local file name
    for file in "$SOURCE"/systemd/*.service "$SOURCE"/systemd/*.timer "$SOURCE"/systemd/*.socket; do
        name=${file##*/}
        case $name in kiosk-screen.* | kiosk-browser.*) [ "${ANSWER[SCREEN]}" = yes ] || continue ;; esac
        printf '%s %s\n' "$file" "$UNITS/$name"
    done
    if is_sealed; then dropins sealed; fi
    if [ "${ANSWER[SCREEN]}" = yes ]; then dropins screen; fi
    if has_section update; then dropins update; fi
    # Pauses that grow: older ones warn of it and pass over it.
    if [ "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')" -ge 254 ]; then dropins v254; fi
}

# dropins FOLDER: systemd/FOLDER/UNIT.conf goes to UNIT.d/FOLDER.conf.
dropins() {
    local file name
    for file in "$SOURCE/systemd/$1"/*.conf; do
        name=${file##*/}
        printf '%s %s\n' "$file" "$UNITS/${name%.conf}.d/$1.conf"
    done
}

has_section() { grep -q "^\[$1\]" "$SETTINGS"; }

# units_enabled: what starts with the terminal. Delivery waits for the certificate, backups and updates for
# their section; a template is started by those that need it.
units_enabled() {
    local timer
    printf 'kiosk.service\n'
    for timer in "$SOURCE"/systemd/*.timer; do
        case ${timer##*/} in
            *@.timer) continue ;;
            kiosk-backup.timer) has_section backup || continue ;;
            kiosk-update-check.timer) has_section update || continue ;;
            kiosk-certificate.timer) [ -f "$ETC/tls/terminal.pem" ] || continue ;;
        esac
        printf '%s\n' "${timer##*/}"
    done
    [ ! -f "$ETC/tls/terminal.pem" ] || printf 'kiosk-sync.service\n'
    [ "${ANSWER[SCREEN]}" = no ] || printf '%s\n' kiosk-screen.socket kiosk-browser.service
}

units_is_done() {
    local from to name
    [ -f "$SETTINGS" ] || return 1
    while read -r from to; do holds "$to" 644 <"$from" || return 1; done < <(units_table)
    while read -r name; do
        [ "$(systemctl is-enabled "$name" 2>/dev/null)" = enabled ] || return 1
    done < <(units_enabled)
}

units_do() {
    local from to name
    while read -r from to; do put 644 "$to" <"$from"; done < <(units_table)
    if is_booted; then quietly systemctl daemon-reload; fi
    while read -r name; do enable_unit "$name"; done < <(units_enabled)
}

enable_unit() { listed units "$1" && quietly systemctl enable "$1"; }
disable_unit() {
    if is_booted; then systemctl stop "$1" 2>/dev/null || true; fi
    systemctl -q disable "$1" 2>/dev/null || true
}

# Without a systemd (an image being made) they start at the first boot.
start_units() {
    local verb=start name
    if "$DRY_RUN" || ! is_booted; then return 0; fi
    case " ${STEPS[*]} " in *' program=done '* | *' settings=done '* | *' keys=done '* | *' certificate=done '* | *' units=done '*) verb=restart ;; esac
    while read -r name; do
        systemctl "$verb" "$name" || say fails "$name" "does not start: journalctl -u $name"
    done < <(units_enabled)
}
