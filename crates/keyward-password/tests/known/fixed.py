"""The same salts each time: what the libraries take for random is a stream that begins anew with each
run. To be imported before any of them."""
import base64
import hashlib
import os
import random

_drawn = 0


def _stream(size):
    global _drawn
    _drawn += 1
    return hashlib.shake_256(b"known answers %d" % _drawn).digest(size)


os.urandom = random._urandom = _stream

import bcrypt  # noqa: E402

STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def bcrypt_salt():
    """22 characters, of which the last has no bits that nobody reads."""
    return base64.b64encode(_stream(16))[:22].translate(bytes.maketrans(STANDARD, BCRYPT))


# Newer releases draw it outside of Python.
bcrypt.gensalt = lambda rounds=12, prefix=b"2b": b"$%b$%02d$%b" % (prefix, rounds, bcrypt_salt())
