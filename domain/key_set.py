"""The public keys with which an application proves itself: a JSON Web Key Set that must not hold anything secret."""

from __future__ import annotations

from typing import Any

from domain.refusals import InvalidKeySet

KEY_LIMIT = 10

# RFC 7518 sections 6.2.1, 6.3.1 and RFC 8037 section 2: the members that make a public key of each type.
_PUBLIC = {"EC": ("crv", "x", "y"), "RSA": ("n", "e"), "OKP": ("crv", "x")}
# RFC 7518 sections 6.2.2, 6.3.2, 6.4.1: the members that make a key private or symmetric.
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
# 2048 bits in base64url; RFC 7518 section 3.3 refuses shorter RSA keys.
_RSA_MODULUS_LENGTH = 342
_MEMBER_LIMIT = 2048


def public_keys(value: dict[str, Any] | None, *, field: str = "key_set") -> dict[str, Any] | None:
    """Return the key set as given, None for none.

    Raises InvalidKeySet unless it holds 1 to 10 keys (RFC 7517 section 5), each of a known type with all its public
    members and no private or symmetric one, named by different `kid`s.
    """
    if value is None:
        return None
    keys = value.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= KEY_LIMIT:
        raise InvalidKeySet("not a list of 1 to 10 keys", field=field)
    names = set()
    for key in keys:
        _check(key, field)
        names.add(key.get("kid"))
    if len(names) != len(keys):
        raise InvalidKeySet("two keys of one name", field=field)
    return value


def _check(key: object, field: str) -> None:
    if not isinstance(key, dict) or not isinstance(key.get("kty"), str) or key["kty"] not in _PUBLIC:
        raise InvalidKeySet("a key of an unknown type", field=field)
    if _SECRET & key.keys():
        raise InvalidKeySet("a private or symmetric key", field=field)
    for member in _PUBLIC[key["kty"]]:
        if not isinstance(key.get(member), str) or not key[member] or len(key[member]) > _MEMBER_LIMIT:
            raise InvalidKeySet(f"a key without {member}", field=field)
    if key["kty"] == "RSA" and len(key["n"]) < _RSA_MODULUS_LENGTH:
        raise InvalidKeySet("an RSA key of less than 2048 bits", field=field)
    if not isinstance(key.get("kid", ""), str):
        raise InvalidKeySet("a key whose name is not text", field=field)
