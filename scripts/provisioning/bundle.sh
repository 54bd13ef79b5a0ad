# shellcheck shell=bash
# A bundle from scripts/make-bundle, believed only whole and signed by a key that is trusted.
#
# SHA256SUMS lists every file but itself, its signature and the key that comes with it. The signature is plain
# Ed25519 over SHA256SUMS. openssl checks it, as a fresh system has no other program for it. Trust comes from
# --trust, or from the key that an earlier run kept in /etc/kiosk/bundle.pub; never from the stick alone.

distrust() { printf 'error: %s; nothing was changed\n' "$*" >&2; exit 3; }

# key_fingerprint FILE: SHA-256 of the public key's DER, in hex.
key_fingerprint() { { openssl pkey -pubin -in "$1" -outform DER 2>/dev/null || true; } | sha256sum | cut -d' ' -f1; }

# bundle_check DIRECTORY TRUST
bundle_check() {
    local bundle=$1 name
    command -v openssl >/dev/null || wrong "openssl is not here, which checks the bundle: apt-get install openssl"
    for name in SHA256SUMS SHA256SUMS.sig signer.pub bundle.txt; do
        [ -f "$bundle/$name" ] || distrust "$bundle/$name is not there: this is no bundle, or not a whole one"
    done
    bundle_signer_is_trusted "$bundle/signer.pub" "$2"
    openssl pkeyutl -verify -rawin -pubin -inkey "$bundle/signer.pub" -sigfile "$bundle/SHA256SUMS.sig" \
        -in "$bundle/SHA256SUMS" >/dev/null 2>&1 || distrust "$bundle/SHA256SUMS: the signature does not hold"
    (cd "$bundle" && sha256sum --quiet --strict -c SHA256SUMS >&2) || distrust "$bundle: files differ from what was signed"
    bundle_has_nothing_else "$bundle"
    bundle_fits "$bundle"
    say ok bundle "signed by $(key_fingerprint "$bundle/signer.pub")"
}

bundle_signer_is_trusted() {
    local signer=$1 trust=$2 print wanted
    print=$(key_fingerprint "$signer")
    if [ -z "$trust" ] && [ -f "$ETC/bundle.pub" ]; then trust=$ETC/bundle.pub; fi
    [ -n "$trust" ] || distrust "whose bundle is this? Compare sha256:$print with the maker's paper and give it as --trust"
    case $trust in
        sha256:*) wanted=${trust#sha256:} ;;
        *) [ -f "$trust" ] || wrong "$trust: no such key"; wanted=$(key_fingerprint "$trust") ;;
    esac
    # The digest of nothing is what an unreadable key would give on both sides.
    [ "$print" != "$(sha256sum </dev/null | cut -d' ' -f1)" ] || distrust "$signer is no public key"
    [ "$print" = "$wanted" ] || distrust "the bundle is signed by sha256:$print, not by sha256:$wanted"
}

# A file more than was signed could be a wheel that pip takes.
bundle_has_nothing_else() {
    local extra
    extra=$(comm -13 <(cut -c67- "$1/SHA256SUMS" | sort) \
        <(cd "$1" && find . -type f ! -name SHA256SUMS ! -name SHA256SUMS.sig ! -path ./signer.pub | sort))
    [ -z "$extra" ] || distrust "$1: not signed: $(printf '%s' "$extra" | head -n 3 | tr '\n' ' ')"
    [ -z "$(find "$1" -type l)" ] || distrust "$1: it has symbolic links"
}

# bundle_value KEY: of bundle.txt, which is signed too.
bundle_value() { sed -n "s/^$1=//p" "$OFFLINE/bundle.txt"; }

bundle_fits() {
    local python
    [ "$(bundle_value machine)" = "$MACHINE" ] || wrong "the bundle is for $(bundle_value machine), this is $MACHINE"
    command -v python3 >/dev/null || return 0 # comes with the packages; pip then takes only what fits
    python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$(bundle_value python)" = "$python" ] || wrong "the bundle is for Python $(bundle_value python), this has $python"
}

bundle_key_is_done() { cmp -s "$OFFLINE/signer.pub" "$ETC/bundle.pub"; }
bundle_key_do() { put 644 "$ETC/bundle.pub" <"$OFFLINE/signer.pub"; }
