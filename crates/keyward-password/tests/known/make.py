"""What Django, Werkzeug, bcrypt, argon2-cffi, PHP, Perl's crypt and firebase-scrypt write and say; and
what the documents of others say, by hashlib."""
import base64
import hashlib
import hmac
import json
import struct
import subprocess
import sys
from pathlib import Path

import fixed
from common import PASSWORDS, emit, line

few = PASSWORDS[:3]
b64 = lambda b: base64.b64encode(b).decode()


# bcrypt, exactly: it takes at most 72 bytes.
import bcrypt

for prefix in [b"2a", b"2b"]:
    emit(
        "bcrypt 5.0.0",
        lambda pw: bcrypt.hashpw(pw, bcrypt.gensalt(4, prefix)),
        bcrypt.checkpw,
    )

# Argon2, by the reference implementation in C.
import argon2.low_level as low
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type, ffi, lib

salt = bytes(range(8))
for kind in [Type.D, Type.I, Type.ID]:
    for version in [0x10, 0x13]:
        for m, t, p, n in [(8, 1, 1, 32), (64, 2, 2, 16), (37, 3, 4, 128)]:
            m = max(m, 8 * p)

            def verify(pw, enc):
                try:
                    return low.verify_secret(enc.encode(), pw, kind)
                except VerifyMismatchError:
                    return False

            make = lambda pw: low.hash_secret(pw, salt, t, m, p, n, kind, version).decode()
            some = PASSWORDS if (m, n) == (8, 32) else few
            emit("argon2-cffi 25.1.0", make, verify, passwords=some)
            if version == 0x10:
                bare = lambda pw: make(pw).replace("v=16$", "")
                emit("argon2-cffi 25.1.0, no v=", bare, verify, passwords=few)


def raw_argon2(pw, secret, data, m=32, t=3, p=4, n=32):
    """With a secret key and associated data, through the C library's own context."""
    out = ffi.new("uint8_t[]", n)
    c = lambda b: ffi.new("uint8_t[]", b) if b else ffi.NULL
    held = [c(pw), c(salt), c(secret), c(data)]
    ctx = ffi.new("argon2_context *", dict(
        version=0x13, out=out, outlen=n, pwd=held[0], pwdlen=len(pw), salt=held[1], saltlen=len(salt),
        secret=held[2], secretlen=len(secret), ad=held[3], adlen=len(data), t_cost=t, m_cost=m,
        lanes=p, threads=1, allocate_cbk=ffi.NULL, free_cbk=ffi.NULL, flags=lib.ARGON2_DEFAULT_FLAGS,
    ))
    assert low.core(ctx, Type.ID.value) == lib.ARGON2_OK
    return bytes(ffi.buffer(out, n))


raw64 = lambda b: b64(b).rstrip("=")
for secret, data, context, extra in [
    (b"pepper", b"", {"argon2_secret": "pepper"}, ""),
    (b"pepper", b"", {"argon2_secret": "pepper", "keyid": raw64(b"k1")}, ",keyid=" + raw64(b"k1")),
    (b"pepper", b"tenant", {"argon2_secret": "pepper"}, ",data=" + raw64(b"tenant")),
    (b"", b"tenant", None, ",data=" + raw64(b"tenant")),
]:
    for pw in few:
        tag = raw_argon2(pw, secret, data)
        enc = f"$argon2id$v=19$m=32,t=3,p=4{extra}${raw64(salt)}${raw64(tag)}"
        by = "argon2-cffi 25.1.0, argon2_ctx"
        line(by, enc, pw, "match", context=context)
        line(by, enc, pw + b"!", "mismatch", context=context)
        if "keyid" in extra:
            line(by + ", another key's", enc, pw, "unsupported", context={"argon2_secret": "pepper", "keyid": "k2"})
            line(by + ", no key", enc, pw, "unsupported")
        if secret and not extra:
            line("argon2-cffi 25.1.0, devise-argon2 by its documents", enc, pw, "match", "devise-argon2", {"pepper": "pepper"})
for pw in few:
    enc = low.hash_secret(pw + b"rowsalt" + b"pepper", salt, 1, 8, 1, 32, Type.ID).decode()
    ctx = {"salt": "rowsalt", "pepper": "pepper"}
    by = "argon2-cffi 25.1.0, devise-argon2 1 by its documents"
    line(by, enc, pw, "match", "devise-argon2-v1", ctx)
    line(by, enc, pw + b"!", "mismatch", "devise-argon2-v1", ctx)
    line(by, enc, pw, "unsupported", "devise-argon2-v1", {"pepper": "pepper"})

# Django.
from django.conf import settings

settings.configure()
from django.contrib.auth import hashers as dj

DJANGO = "Django 5.2.19"
class CheapScrypt(dj.ScryptPasswordHasher):
    work_factor, block_size, parallelism = 4, 2, 2
class CheapArgon2(dj.Argon2PasswordHasher):
    time_cost, memory_cost, parallelism = 1, 16, 2
class CheapBcrypt(dj.BCryptPasswordHasher):
    rounds = 4
class CheapBcryptSha256(dj.BCryptSHA256PasswordHasher):
    rounds = 4

for hasher, name in [
    (dj.PBKDF2PasswordHasher(), "pbkdf2_sha256"),
    (dj.PBKDF2SHA1PasswordHasher(), "pbkdf2_sha1"),
]:
    make = lambda pw: hasher.encode(pw.decode(), hasher.salt(), 20)
    says = lambda pw, enc: hasher.verify(pw.decode(), enc)
    emit(f"{DJANGO}: {name}", make, says, "django")
    emit(f"{DJANGO}: {name}", make, says, None, passwords=few)
for hasher in [CheapScrypt(), CheapArgon2(), dj.MD5PasswordHasher(), CheapBcrypt(), CheapBcryptSha256()]:
    make = lambda pw: hasher.encode(pw.decode(), hasher.salt())
    says = lambda pw, enc: hasher.verify(pw.decode(), enc)
    emit(f"{DJANGO}: {hasher.algorithm}", make, says, "django")
    if hasher.algorithm != "md5":
        emit(f"{DJANGO}: {hasher.algorithm}", make, says, None, passwords=few)
enc = dj.PBKDF2PasswordHasher().encode("x", "abcdefgh0123", 20)
line(f"{DJANGO}, a salt that Clerk could have", enc, b"x", "match", "django")
line(f"{DJANGO}, a salt that Clerk could have", enc, b"x", "refused")
line(f"{DJANGO}: unusable", dj.make_password(None), b"", "refused")
line(f"{DJANGO}: unusable", dj.make_password(None), b"", "refused", "django")

# Werkzeug.
from werkzeug.security import check_password_hash, generate_password_hash

check = lambda pw, enc: check_password_hash(enc, pw.decode())
for method in ["scrypt:4:2:2", "pbkdf2:sha256:20", "pbkdf2:sha1:20", "pbkdf2:sha512:20", "pbkdf2:sha224:3", "pbkdf2:md5:3"]:
    emit("Werkzeug 3.1.9", lambda pw: generate_password_hash(pw.decode(), method, 8), check)
for name in ["md5", "sha1", "sha256", "sha512"]:
    for pw in few:
        keyed = hmac.new(b"s4lt", pw, name).hexdigest()
        by = "hashlib, Werkzeug 2.2 by its source"
        line(by, f"{name}$s4lt${keyed}", pw, "match", "werkzeug")
        line(by, f"{name}$s4lt${keyed}", pw + b"!", "mismatch", "werkzeug")
        line(by, f"{name}$s4lt${keyed}", pw, "refused")

# PHP: password_hash and crypt, whose bcrypt is crypt_blowfish.
PHP = "PHP " + subprocess.check_output(["php", "-r", "echo PHP_VERSION;"], text=True)
# Its password_hash takes no salt: it says which passwords it takes, and crypt makes the same of a salt.
PHP_CODE = r"""
function bcrypt($password, $salt) {
    password_hash($password, PASSWORD_BCRYPT, ['cost' => 4]);
    return crypt($password, '$2y$04$' . $salt);
}
while (($line = fgets(STDIN)) !== false) {
    [$op, $a, $b] = json_decode($line);
    $a = hex2bin($a);
    try {
        $r = match ($op) {
            'verify' => password_verify($a, $b),
            'bcrypt' => bcrypt($a, $b),
            'crypt' => crypt($a, $b),
            'wp' => '$wp' . bcrypt(base64_encode(hash_hmac('sha384', trim($a), 'wp-sha384', true)), $b),
            'wpverify' => password_verify(base64_encode(hash_hmac('sha384', trim($a), 'wp-sha384', true)), substr($b, 3)),
        };
    } catch (\Throwable $e) { $r = null; }
    echo json_encode($r), "\n";
}
"""


class Pipe:
    def __init__(self, command):
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, *fields):
        self.p.stdin.write(json.dumps(fields) + "\n")
        self.p.stdin.flush()
        answer = json.loads(self.p.stdout.readline())
        if answer is None:
            raise ValueError
        return answer


php = Pipe(["php", "-r", PHP_CODE])
php_verify = lambda pw, enc: php("verify", pw.hex(), enc)
php_bcrypt = lambda op: lambda pw: php(op, pw.hex(), fixed.bcrypt_salt().decode())
emit(f"{PHP}: password_hash", php_bcrypt("bcrypt"), php_verify, "php")
# Its Argon2 draws the salt and nothing else makes the same: these it made once, with 16 KiB.
ARGON2_OF_PHP = json.loads((Path(__file__).parent / "php_argon2.json").read_text())
for kind in ["argon2id", "argon2i"]:
    emit(f"{PHP}: password_hash", lambda pw: ARGON2_OF_PHP[kind][pw.hex()], php_verify, "php")
emit(f"{PHP}: password_hash", php_bcrypt("bcrypt"), php_verify)
# Passwords that crypt_blowfish's bug made equal to others, and those it did not.
SIGNED = [b"\xa3", b"\xff\xff\xa3", b"\xff\xa334\xff\xff\xff\xa3345", b"1\xa3", b"\xff\xa3345", b"ab\xffcd", "\u00fcber".encode()]
for letter in "axy":
    make = lambda pw: php("crypt", pw.hex(), f"$2{letter}$04$CCCCCCCCCCCCCCCCCCCCC.")
    for pw in SIGNED:
        enc = make(pw)
        for other in SIGNED:
            says = php_verify(other, enc)
            if letter == "a" and not says and bcrypt.checkpw(other, enc.encode()):
                continue  # The two disagree, and either may have written it.
            line(f"{PHP}: crypt", enc, other, "match" if says else "mismatch")
    emit(f"{PHP}: crypt", make, php_verify, "php" if letter == "a" else None)
emit(f"{PHP}: WordPress 6.8 by its source", php_bcrypt("wp"), lambda pw, enc: php("wpverify", pw.hex(), enc))
for pw in few:
    md5 = hashlib.md5(pw).hexdigest()
    line("hashlib, WordPress by its source", md5, pw, "match", "wordpress")
    line("hashlib, WordPress by its source", md5, pw + b"!", "mismatch", "wordpress")

# Perl's crypt: libxcrypt.
PERL = "libxcrypt 4.4.33 by perl " + subprocess.check_output(["perl", "-e", "printf '%vd', $^V"], text=True)
PERL_CODE = r"""
use JSON::PP; $| = 1; my $j = JSON::PP->new->allow_nonref;
while (<STDIN>) { my ($op, $pw, $s) = @{decode_json($_)}; my $r = crypt(pack('H*', $pw), $s);
  print $j->encode(defined $r && $r !~ /^\*/ ? $r : undef), "\n"; }
"""
perl = Pipe(["perl", "-e", PERL_CODE])
SETTINGS = [
    "$1$saltsalt", "$1$", "$5$rounds=1000$salt", "$5$sixteencharacter", "$6$rounds=1000$salt",
    "$6$", "$6$rounds=1001$saltsaltsaltsalt", "$7$2/..../....s",
    "$y$j75$saltsaltsalt....", "$y$j95$saltsalt", "$y$j85$", "$2b$04$CCCCCCCCCCCCCCCCCCCCC.",
    "$2a$04$CCCCCCCCCCCCCCCCCCCCC.", "$2y$04$CCCCCCCCCCCCCCCCCCCCC.", "$2x$04$CCCCCCCCCCCCCCCCCCCCC.",
    "$sha1$3$saltsalt$",
]
for setting in SETTINGS:
    try:
        emit(PERL, lambda pw: perl("crypt", pw.hex(), setting), lambda pw, enc: perl("crypt", pw.hex(), enc) == enc, "crypt")
    except AssertionError:
        print("left out", setting, file=sys.stderr)
# Parameters of which no string above has all: p and t.
for flags in ["j75/..", "j9./0", "j75.0", "j752/", "j753.0/"]:
    try:
        emit(PERL, lambda pw: perl("crypt", pw.hex(), f"$y${flags}$saltsaltsalt...."), lambda pw, enc: perl("crypt", pw.hex(), enc) == enc, passwords=few)
    except AssertionError:
        pass

# Firebase.
NODE_CODE = r"""
const { FirebaseScrypt } = require('firebase-scrypt');
const p = { memCost: 4, rounds: 8, saltSeparator: 'Bw==', signerKey: 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==' };
const s = new FirebaseScrypt(p);
require('readline').createInterface({ input: process.stdin }).on('line', async (l) => {
  const [op, a, b] = JSON.parse(l); const pw = Buffer.from(a, 'hex').toString('utf8');
  let r = null;
  try { r = op === 'hash' ? await s.hash(pw, '42xEC+ixf3L2lw==') : await s.verify(pw, '42xEC+ixf3L2lw==', b); } catch (e) {}
  console.log(JSON.stringify(r));
});
"""
FIREBASE = {
    "mem_cost": 4, "rounds": 8, "base64_salt_separator": "Bw==", "salt": "42xEC+ixf3L2lw==",
    "base64_signer_key": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
}
node = Pipe(["node", "-e", NODE_CODE])
utf8 = [p for p in PASSWORDS if p != b"\xff\xa3x\x80"]
made = {}
def fire(pw):
    pw.decode()
    made[pw] = node("hash", pw.hex(), "")
    return made[pw]
def fire_verify(pw, enc):
    pw.decode()
    return node("verify", pw.hex(), enc)
emit("firebase-scrypt 2.2.0", fire, fire_verify, "firebase", FIREBASE, utf8)
# The utility that Google publishes has this example.
line(
    "firebase/scrypt's README", "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
    b"user1password", "match", "firebase",
    {"mem_cost": 14, "rounds": 8, "salt_separator": "Bw==", "salt": "42xEC+ixf3L2lw==", "signer_key": FIREBASE["base64_signer_key"]},
)
line("by hand", made[b"correct horse"], b"correct horse", "unsupported", "firebase", {"mem_cost": 4})
for pw in few[1:]:
    user = json.dumps({"passwordHash": made[pw], "salt": FIREBASE["salt"]})
    rest = {k: v for k, v in FIREBASE.items() if k != "salt"}
    line("firebase-scrypt 2.2.0, as the export has it", user, pw, "match", "firebase", rest)
    kratos = f"$firescrypt$ln=4,r=8,p=1${FIREBASE['salt']}${made[pw]}$Bw==${FIREBASE['base64_signer_key']}"
    line("firebase-scrypt 2.2.0, Kratos by its source", kratos, pw, "match")
    line("firebase-scrypt 2.2.0, Kratos by its source", kratos, pw + b"!", "mismatch")


def doc(by, encoded, pw, scheme=None, context=None, wrong=True):
    line(by, encoded, pw, "match", scheme, context)
    if wrong:
        line(by, encoded, pw + b"!", "mismatch", scheme, context)


# Spring Security, by its documents.
SPRING = "hashlib, Spring Security by its documents"
s8, s16 = bytes(range(8)), bytes(range(16))
for n, pw in enumerate(PASSWORDS):
    if n < 1:
        doc(SPRING, "{pbkdf2}" + (s8 + hashlib.pbkdf2_hmac("sha1", pw, s8, 185000, 32)).hex(), pw, wrong=False)
        doc(SPRING, "{pbkdf2}" + (s8 + hashlib.pbkdf2_hmac("sha1", pw, s8 + b"secret", 185000, 32)).hex(), pw, "spring", {"pepper": "secret"}, wrong=False)
        doc(SPRING, "{pbkdf2@SpringSecurity_v5_8}" + (s16 + hashlib.pbkdf2_hmac("sha256", pw, s16, 310000, 32)).hex(), pw, wrong=False)
        doc(SPRING, "{scrypt}$e0801$" + b64(s16) + "$" + b64(hashlib.scrypt(pw, salt=s16, n=16384, r=8, p=1, dklen=32)), pw)
        doc(SPRING, "{scrypt@SpringSecurity_v5_8}$20201$" + b64(s16) + "$" + b64(hashlib.scrypt(pw, salt=s16, n=4, r=2, p=1, dklen=32)), pw)
    d = s8 + pw
    for _ in range(1024):
        d = hashlib.sha256(d).digest()
    doc(SPRING, "{sha256}" + (s8 + d).hex(), pw)
    if n < 2:
        d = s8 + b"secret" + pw
        for _ in range(1024):
            d = hashlib.sha256(d).digest()
        doc(SPRING, "{sha256}" + (s8 + d).hex(), pw, "spring", {"pepper": "secret"})
    doc(SPRING, "{MD5}{s4lt}" + hashlib.md5(pw + b"{s4lt}").hexdigest(), pw)
    doc(SPRING, "{MD5}" + hashlib.md5(pw).hexdigest(), pw)
    doc(SPRING, "{SHA-1}{s4lt}" + hashlib.sha1(pw + b"{s4lt}").hexdigest(), pw)
    doc(SPRING, "{SHA-256}{s4lt}" + hashlib.sha256(pw + b"{s4lt}").hexdigest(), pw)
    doc(SPRING, "{ldap}{SSHA}" + b64(hashlib.sha1(pw + s8).digest() + s8), pw)
    if len(pw) <= 72:
        doc(SPRING + ", bcrypt 5.0.0", "{bcrypt}" + bcrypt.hashpw(pw, bcrypt.gensalt(4, b"2a")).decode(), pw, wrong=len(pw) < 72)
    doc(SPRING + ", argon2-cffi 25.1.0", "{argon2}" + low.hash_secret(pw, s16, 1, 16, 1, 32, Type.ID).decode(), pw)

# ASP.NET Identity, by the layout of its source.
ASP = "hashlib, ASP.NET Identity by its layout"
for pw in PASSWORDS:
    v2 = b"\0" + s16 + hashlib.pbkdf2_hmac("sha1", pw, s16, 1000, 32)
    doc(ASP, b64(v2), pw, "aspnet")
    for prf, name in enumerate(["sha1", "sha256", "sha512"]):
        v3 = b"\1" + struct.pack(">III", prf, 30, 16) + s16 + hashlib.pbkdf2_hmac(name, pw, s16, 30, 32)
        doc(ASP, b64(v3), pw, "aspnet" if prf else None)
    line(ASP + ", one byte more", b64(v2 + b"\0"), pw, "unsupported", "aspnet")
    line(ASP + ", one byte less", b64(v2[:-1]), pw, "unsupported", "aspnet")
line(ASP + ", the salt's length past the end", b64(b"\1" + struct.pack(">III", 1, 30, 4096) + s16 + bytes(32)), b"", "unsupported", "aspnet")
line(ASP + ", 2^32 - 1 rounds", b64(b"\1" + struct.pack(">III", 1, 2**32 - 1, 16) + s16 + bytes(32)), b"", "refused", "aspnet")

# Keycloak, by its documents.
KC = "hashlib, Keycloak by its documents"
for pw in few + PASSWORDS[6:8]:
    for alg, name, n in [("pbkdf2", "sha1", 20), ("pbkdf2-sha256", "sha256", 64), ("pbkdf2-sha512", "sha512", 64)]:
        value = b64(hashlib.pbkdf2_hmac(name, pw, s16, 30, n))
        cred = {"type": "password", "secretData": json.dumps({"value": value, "salt": b64(s16), "additionalParameters": {}}),
                "credentialData": json.dumps({"hashIterations": 30, "algorithm": alg, "additionalParameters": {}})}
        doc(KC, json.dumps(cred), pw)
    value = b64(low.hash_secret_raw(pw, s16, 2, 16, 1, 32, Type.ID))
    extra = {"hashLength": ["32"], "memory": ["16"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}
    cred = {"secretData": {"value": value, "salt": b64(s16)}, "credentialData": {"hashIterations": 2, "algorithm": "argon2", "additionalParameters": extra}}
    doc("argon2-cffi 25.1.0, Keycloak by its documents", json.dumps(cred), pw, "keycloak")

# Ory Kratos, by its source.
KR = "hashlib, Kratos by its source"
for pw in few + PASSWORDS[5:9]:
    doc(KR, f"$pbkdf2-sha256$i=20,l=32${raw64(s16)}${raw64(hashlib.pbkdf2_hmac('sha256', pw, s16, 20, 32))}", pw)
    doc(KR, f"$pbkdf2-sha512$i=20,l=128${raw64(s16)}${raw64(hashlib.pbkdf2_hmac('sha512', pw, s16, 20, 128))}", pw)
    doc(KR, f"$scrypt$ln=64,r=2,p=1${b64(s16)}${b64(hashlib.scrypt(pw, salt=s16, n=64, r=2, p=1, dklen=32))}", pw)
    for name in ["sha1", "sha256", "sha512", "md5"]:
        for template, made_of in [("{SALT}{PASSWORD}", s8 + pw), ("{PASSWORD}$${SALT}", pw + b"$$" + s8)]:
            doc(KR, f"${name}$pf={b64(template.encode())}${b64(s8)}${b64(hashlib.new(name, made_of).digest())}", pw)
    doc(KR, f"$md5${b64(hashlib.md5(pw).digest())}", pw)
    for name in ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]:
        keyed = hmac.new(b"the key", pw, name).hexdigest().encode()
        doc(KR, f"$hmac-{name}${b64(keyed)}${b64(b'the key')}", pw)

# Clerk, Devise, onions, Drupal and the rest, by their documents.
for pw in few:
    doc("hashlib, Clerk by its documents", f"pbkdf2_sha256$20${b64(s16)}${b64(hashlib.pbkdf2_hmac('sha256', pw, s16, 20))}", pw, "clerk")
for pw in PASSWORDS:
    for pepper in [b"pepper", b"p" * 70]:
        enc = bcrypt.hashpw((pw + pepper)[:72], bcrypt.gensalt(4, b"2a")).decode()
        by = "bcrypt 5.0.0, Devise by its source"
        line(by, enc, pw, "match", "devise", {"pepper": pepper.decode()})
        other = pw[1:] + b"!?"
        says = bcrypt.checkpw((other + pepper)[:72], enc.encode())
        line(by, enc, other, "match" if says else "mismatch", "devise", {"pepper": pepper.decode()})
    for name in ["md5", "sha1", "sha256", "sha512"]:
        text = hashlib.new(name, pw).hexdigest().encode()[:72]
        enc = bcrypt.hashpw(text, bcrypt.gensalt(4)).decode()
        doc("bcrypt 5.0.0 over hashlib", enc, pw, f"bcrypt-hex-{name}")
        if name == "sha256":
            doc("bcrypt 5.0.0 over hashlib, Meteor by its documents", enc, pw, "meteor")
ITOA = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
def crypt64(data):
    value, n = int.from_bytes(data, "little"), (len(data) * 8 + 5) // 6
    return "".join(ITOA[value >> (6 * i) & 63] for i in range(n))
def phpass(pw, log2, salt, name):
    d = hashlib.new(name, salt + pw).digest()
    for _ in range(1 << log2):
        d = hashlib.new(name, d + pw).digest()
    return crypt64(d)
for pw in PASSWORDS:
    by = "hashlib, Drupal 7 by its source"
    doc(by, ("$S$5saltsalt" + phpass(pw, 7, b"saltsalt", "sha512"))[:55], pw)
    doc(by, ("U$S$5saltsalt" + phpass(hashlib.md5(pw).hexdigest().encode(), 7, b"saltsalt", "sha512"))[:56], pw)

# What nothing verifies.
c22, c31 = "C" * 21 + ".", "a" * 31
tag = raw64(bytes(32))
for enc in [
    f"$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ${tag}",
    f"$argon2id$v=19$m=99999999999999999999999,t=1,p=1$c29tZXNhbHQ${tag}",
    f"$argon2id$v=19$m=65536,t=4294967295,p=1$c29tZXNhbHQ${tag}",
    f"$argon2d$m=262145,t=1,p=1$c29tZXNhbHQ${tag}",
    f"argon2$argon2id$v=19$m=2097152,t=1,p=1$c29tZXNhbHQ${tag}",
    f"{{argon2}}$argon2id$v=19$m=2097152,t=1,p=1$c29tZXNhbHQ${tag}",
    f"$2b$31${c22}{c31}", f"$2y$16${c22}{c31}", f"$2a$99${c22}{c31}", f"bcrypt$$2b$31${c22}{c31}",
    f"$wp$2y$31${c22}{c31}", f"{{bcrypt}}$2a$31${c22}{c31}", f"$bcrypt-sha256$v=2,t=2b,r=31${c22}${c31}",
    f"$scrypt$ln=30,r=8,p=1$c2FsdA${tag}", f"$scrypt$ln=63,r=4294967295,p=4294967295$c2FsdA${tag}",
    f"$scrypt$ln=1073741824,r=8,p=1$c2FsdA==${b64(bytes(32))}", f"$scrypt$ln=14,r=8,p=1000000$c2FsdA${tag}",
    f"$scrypt$ln=4,r=4294967295,p=1$c2FsdA${tag}",
    f"scrypt:1073741824:8:1$salt${bytes(64).hex()}", f"scrypt$1073741824$salt$8$1${b64(bytes(64))}",
    f"{{scrypt}}$1e0801${b64(s16)}${b64(bytes(32))}", f"$7$zzzzzzzzzzzsalt${'.' * 43}",
    f"$y$jHT$salt${'.' * 43}",
    f"$pbkdf2-sha256$4294967295$c2FsdA${tag}", f"$pbkdf2-sha256$i=4294967295,l=32$c2FsdA${tag}",
    f"$pbkdf2$99999999999999999999999999$c2FsdA${raw64(bytes(20))}",
    f"pbkdf2_sha256$4294967295$salt${b64(bytes(32))}", f"pbkdf2:sha256:4294967295$salt${bytes(32).hex()}",
    f"grub.pbkdf2.sha512.4294967295.00.{bytes(64).hex()}", f"$p5k2$ffffffff$c2FsdA==${b64(bytes(20))}",
    f"{{PBKDF2-SHA512}}4294967295$c2FsdA${raw64(bytes(64))}",
    f"$5$rounds=999999999$salt${'.' * 43}", f"$6$rounds=999999999$salt${'.' * 86}",
    f"$6$rounds=99999999999999999999$salt${'.' * 86}",
    f"$P$Ssaltsalt{'.' * 22}", f"$S$Ssaltsalt{'.' * 43}", f"$sha1$4294967295$salt${'.' * 28}",
    f"{{FSHP1|16|4294967295}}{b64(bytes(48))}",
    json.dumps({"credentialData": json.dumps({"hashIterations": 4294967295, "algorithm": "pbkdf2-sha256"}), "secretData": json.dumps({"value": b64(bytes(32)), "salt": b64(s16)})}),
    json.dumps({"credentialData": json.dumps({"hashIterations": 3, "algorithm": "argon2", "additionalParameters": {"memory": ["4194304"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}}), "secretData": json.dumps({"value": b64(bytes(32)), "salt": b64(s16)})}),
    f"$firescrypt$ln=30,r=8,p=1${b64(s8)}${b64(bytes(64))}$Bw==${b64(bytes(64))}",
    "{noop}secret", "{CLEARTEXT}secret", "{PLAIN}secret", "{cleartext}secret", "!", "!locked", "*", "*0", "!$6$x$y",
    "5f4dcc3b5aa765d61d8327deb882cf99", "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
    "sha1$salt$" + bytes(20).hex(), "md5$salt$" + bytes(16).hex(),
]:
    line("by hand", enc, b"secret", "refused")
for enc in [
    "", "secret", "$", "$$$$", "{", "{}", "{x}", "{unknown}abc", "rlc7vYQDTt0y6", "_J9..rasmBYk8r9AiWNc", "{CRYPT}rlc7vYQDTt0y6",
    f"$2b$04${c22}{c31[:-1]}", f"$2b$04${c22}{c31}a", f"$2b$03${c22}{c31}", f"$2b$4${c22}{c31}", f"$2c$04${c22}{c31}", f"$2b$04${c22}{'~' * 31}",
    f"$argon2id$v=20$m=8,t=1,p=1$c29tZXNhbHQ${tag}", f"$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHQ${tag}",
    f"$argon2id$v=19$m=7,t=1,p=1$c29tZXNhbHQ${tag}", f"$argon2id$v=19$t=1,m=8,p=1$c29tZXNhbHQ${tag}",
    f"$argon2id$v=19$m=8,t=1,p=1$c2FsdA${tag}", f"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$", f"$argon2x$v=19$m=8,t=1,p=1$c29tZXNhbHQ${tag}",
    f"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ=${tag}", f"$argon2id$v=19$m=08,t=1,p=1$c29tZXNhbHQ${tag}",
    f"$pbkdf2-sha256$0$c2FsdA${tag}", f"$pbkdf2-sha3$10$c2FsdA${tag}", f"$pbkdf2-sha256$i=10,l=16$c2FsdA${tag}", "$pbkdf2-sha256$10$c2FsdA$",
    f"$scrypt$ln=0,r=8,p=1$c2FsdA${tag}", f"$scrypt$ln=4,r=0,p=1$c2FsdA${tag}", f"$scrypt$ln=100,r=8,p=1$c2FsdA${tag}",
    f"$5$rounds=10$salt${'.' * 43}", f"$5$longerthansixteen$" + "." * 43, f"$6$salt${'.' * 85}", f"$1$longersalt${'.' * 22}", f"$1$salt${'~' * 22}",
    f"$y$k9T$salt${'.' * 43}", f"$y$j9T$salt${'.' * 42}", "$y$j9T$", f"$7$/....", f"$gy$j9T$salt${'.' * 43}",
    f"$P$/saltsalt{'.' * 22}", "$P$Bshort", f"$S$5saltsalt{'.' * 42}", "{SSHA}" + b64(bytes(20)), "{SHA}" + b64(bytes(19)), "{SSHA}~~~~",
    "{pbkdf2}00", "{bcrypt}x", "{sha256}00", "{ldap}x", "{MD5}x", "{PKCS5S2}" + b64(bytes(47)), "{\"credentialData\":1}", "{\"credentialData\":\"{}\",\"secretData\":\"{}\"}",
    "$sha256$pf=e1NBTFR9$AA==$" + b64(bytes(32)), "$hmac-sha256$AA==$AA==", "$md5$AA==", "$firescrypt$ln=4,r=8,p=1$AA==$AA==$AA==$AA==x",
]:
    line("by hand", enc, b"secret", "unsupported")
for scheme in ["bcrypt-hex-md5", "meteor", "devise", "devise-argon2"]:
    line("by hand", f"$1$saltsalt${'.' * 22}", b"secret", "unsupported", scheme)
line("by hand", "secret", b"secret", "unsupported", "spring")
line("by hand", "5f4dcc3b5aa765d61d8327deb882cf99", b"password", "match", "hex-md5")
line("by hand", "5f4dcc3b5aa765d61d8327deb882cf99", b"password", "refused", "no such label")
line("by hand", "md5" + hashlib.md5(b"pwalice").hexdigest(), b"pw", "unsupported", "postgres-md5")
