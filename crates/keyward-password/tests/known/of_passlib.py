"""What passlib or its kept fork writes and says. The same code for both: the fork has the same names."""
import sys
import warnings

import fixed  # noqa: F401
from common import PASSWORDS, emit, line

warnings.simplefilter("ignore")
from passlib import hash as h  # noqa: E402
import passlib  # noqa: E402

BY = {"passlib": "passlib 1.7.4, bcrypt 4.0.1", "libpass": "libpass 1.9.4, bcrypt 5.0.0"}[sys.argv[1]]
OLD = sys.argv[1] == "passlib"


def of(name, scheme=None, passwords=PASSWORDS, ctx=None, hash_ctx=None, **using):
    try:
        handler = getattr(h, name)
        if using:
            handler = handler.using(**using)
        handler.hash(b"probe", **(hash_ctx or {}))
    except Exception as e:
        print("left out", BY, name, e, file=sys.stderr)
        return
    kw = hash_ctx or {}
    emit(
        f"{BY}: {name}",
        lambda pw: handler.hash(pw, **kw),
        lambda pw, enc: handler.verify(pw, enc, **kw),
        scheme,
        ctx,
        passwords,
    )


few = PASSWORDS[:3]
for ident in ["2", "2a", "2b", "2y"]:
    of("bcrypt", ident=ident, rounds=4)
if OLD:
    of("bcrypt_sha256", version=1, rounds=4, passwords=[p for p in PASSWORDS if len(p) < 74])
    of("bcrypt_sha256", version=2, rounds=4)
    of("pbkdf2_sha1", rounds=10)
    of("pbkdf2_sha256", rounds=10)
    of("pbkdf2_sha256", rounds=10, salt_size=0, passwords=few)
    of("pbkdf2_sha512", rounds=10)
    of("cta_pbkdf2_sha1", rounds=10)
    of("dlitz_pbkdf2_sha1", rounds=10)
    of("dlitz_pbkdf2_sha1", rounds=400, passwords=few)
    of("grub_pbkdf2_sha512", rounds=10)
    of("atlassian_pbkdf2_sha1", passwords=few)
    of("ldap_pbkdf2_sha1", rounds=10, passwords=few)
    of("ldap_pbkdf2_sha256", rounds=10, passwords=few)
    of("ldap_pbkdf2_sha512", rounds=10, passwords=few)
    of("scrypt", rounds=2, block_size=1)
    of("scrypt", rounds=2, block_size=1, salt_size=0, passwords=few)
    of("scrypt", rounds=4, block_size=2, parallelism=3, ident="$7$", passwords=few)
    of("md5_crypt")
    of("apr_md5_crypt")
    of("sha1_crypt", rounds=3)
    of("sha256_crypt", rounds=1000)
    of("sha256_crypt", rounds=5000, passwords=few)
    of("sha512_crypt", rounds=1000)
    of("sha512_crypt", rounds=1234, salt_size=3, passwords=few)
    of("phpass", rounds=7, ident="P")
    of("phpass", rounds=7, ident="H")
    of("fshp", rounds=3, variant=0, passwords=few)
    of("fshp", rounds=3, variant=1)
    of("fshp", rounds=3, variant=3, passwords=few)
    for name in ["ldap_salted_md5", "ldap_salted_sha1", "ldap_salted_sha256", "ldap_salted_sha512"]:
        of(name)
    of("ldap_md5")
    of("ldap_sha1")
    for name in ["hex_md5", "hex_sha1", "hex_sha256", "hex_sha512"]:
        of(name, scheme=name.replace("_", "-"))
    of("nthash", scheme="nthash")
    of("bsd_nthash", scheme="nthash", passwords=few)
    of("mssql2005", passwords=few)
    of("oracle11", passwords=few)
    of("mysql41")
    of("postgres_md5", scheme="postgres-md5", ctx={"user": "alice"}, hash_ctx={"user": "alice"})
    of("ldap_sha512_crypt", rounds=1000, passwords=few)
    of("ldap_bcrypt", rounds=4, passwords=few)
    of("django_salted_md5", scheme="django")
    of("django_salted_sha1", scheme="django")
    of("django_pbkdf2_sha256", scheme="django", rounds=10)
    of("django_bcrypt_sha256", scheme="django", rounds=4)
else:
    of("bcrypt_sha256", version=2, rounds=4)
    of("pbkdf2_sha512", rounds=10, passwords=few)
    of("sha512_crypt", rounds=1000, passwords=few)
    of("sha256_crypt", rounds=1000, passwords=few)

if OLD:
    # Bits behind the last byte of salt and hash: passlib takes them for zero.
    good = h.bcrypt.using(rounds=4, ident="2b").hash("padding")
    alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    for at, bits in [(28, 15), (59, 3)]:
        for more in {1, bits}:
            bent = good[:at] + alphabet[alphabet.index(good[at]) | more] + good[at + 1 :]
            for pw in [b"padding", b"other"]:
                says = h.bcrypt.verify(pw, bent)
                line(f"{BY}: bcrypt, padding bits", bent, pw, "match" if says else "mismatch")
