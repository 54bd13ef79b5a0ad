# shellcheck shell=bash
# The firewall: a table of its own, so that nobody's rules are changed and removing it is removing a table.
#
# Nothing comes in but answers, and SSH from where the answers say. Out go: name resolution, time, address
# configuration, the broker for kiosk-sync alone, and, for security updates, HTTP(S) for apt's own user.

RULES=/etc/kiosk/firewall.nft
FIREWALL_UNIT=/etc/systemd/system/kiosk-firewall.service

# addresses LIST FAMILY: the addresses of one family as an nft set; fails when there is none.
addresses() {
    local one chosen=()
    for one in ${1//,/ }; do
        case "$2 $one" in ip6\ *:* | ip\ *.*) chosen+=("$one") ;; esac
    done
    [ ${#chosen[@]} -gt 0 ] || return 1
    local IFS=,
    printf '{ %s }' "${chosen[*]}"
}

# allowed LIST BEFORE AFTER DIRECTION: a rule for each family, or one for any address.
allowed() {
    local family set
    if [ -z "$1" ]; then
        printf '        %s accept\n' "$3"
        return
    fi
    for family in ip ip6; do
        if set=$(addresses "$1" "$family"); then printf '        %s %s %s %s accept\n' "$family" "$2" "$set" "$3"; fi
    done
}

firewall_text() {
    cat <<'NFT'
# Written by provision.sh: `provision.sh --answers …` changes it. Loaded by kiosk-firewall.service.
table inet kiosk
delete table inet kiosk
table inet kiosk {
    chain in {
        type filter hook input priority filter; policy drop;
        iif lo accept
        ct state established,related accept
        # Without these a machine has no IPv6 neighbours and no IPv6 address.
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, packet-too-big } accept
        udp sport 67 udp dport 68 accept
        udp sport 547 udp dport 546 accept
NFT
    [ -z "${ANSWER[SSH_FROM]}" ] || allowed "${ANSWER[SSH_FROM]}" saddr 'tcp dport 22'
    cat <<'NFT'
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
    }
    chain out {
        type filter hook output priority filter; policy drop;
        oif lo accept
        ct state established,related accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept
        udp sport 68 udp dport 67 accept
        udp sport 546 udp dport 547 accept
        meta l4proto { tcp, udp } th dport 53 accept
        udp dport 123 accept
NFT
    allowed "${ANSWER[BROKER_ADDRESSES]}" daddr "meta skuid kiosk-sync tcp dport ${ANSWER[BROKER_PORT]}"
    [ "${ANSWER[UPDATES]}" = no ] || printf '        meta skuid _apt tcp dport { 80, 443 } accept\n'
    printf '    }\n}\n'
}

firewall_unit_text() {
    cat <<'UNIT'
[Unit]
Description=Kiosk face time clock: firewall (docs/provisioning.md)
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
After=local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/kiosk/firewall.nft
ExecReload=/usr/sbin/nft -f /etc/kiosk/firewall.nft
ExecStop=/usr/sbin/nft delete table inet kiosk

[Install]
WantedBy=sysinit.target
UNIT
}

firewall_is_done() {
    if [ "${ANSWER[FIREWALL]}" = no ]; then [ ! -e "$FIREWALL_UNIT" ]; return; fi
    firewall_text | holds "$RULES" 644 && firewall_unit_text | holds "$FIREWALL_UNIT" 644 \
        && [ "$(systemctl is-enabled kiosk-firewall.service 2>/dev/null)" = enabled ] || return 1
    ! is_booted || systemctl -q is-active kiosk-firewall.service
}

firewall_do() {
    if [ "${ANSWER[FIREWALL]}" = no ]; then
        disable_unit kiosk-firewall.service
        rm -f "$FIREWALL_UNIT" "$RULES"
        return
    fi
    firewall_text | put 644 "$RULES"
    # Where an image is made there may be no network of its own to check rules against.
    if nft list tables >/dev/null 2>&1; then quietly nft -c -f "$RULES"; else say note firewall "the rules could not be checked here"; fi
    firewall_unit_text | put 644 "$FIREWALL_UNIT"
    enable_unit kiosk-firewall.service
    if is_booted; then quietly systemctl daemon-reload && quietly systemctl reload-or-restart kiosk-firewall.service; fi
}
