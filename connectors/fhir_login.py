# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""SMART Backend Services: a signed statement for a token, a new one whenever the old one ends; both in memory only."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.fhir_http import Answer, Http
from connectors.fhir_options import ServerOptions
from rwe.errors import DefinitionError, MachineError, Refused, SourceUnreachable

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFETIME = 240  # seconds; servers take 300, and their clock may be a minute behind ours
_SPARE = 30
_WRITES = re.compile(r"(?:system|user|patient)/[^\s.]+\.(?:write|\*|[rs]*[cud][cruds]*)(?:\?\S*)?")
_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Signer:
    """Who we are to a server: a client id and a private key, RSA (RS384) or P-384 (ES384)."""

    client_id: str
    key: _Key
    key_id: str | None

    @property
    def algorithm(self) -> str:
        """The algorithm that the key is for."""
        return "RS384" if isinstance(self.key, rsa.RSAPrivateKey) else "ES384"

    def statement(self, audience: str, lifetime: int = _LIFETIME) -> str:
        """Return a signed statement for one use.

        Parameters
        ----------
        audience
            The token address, exactly.
        lifetime
            Seconds from now.
        """
        now = int(time.time())
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": audience, "exp": now + lifetime}
        headers = {"typ": "JWT", **({"kid": self.key_id} if self.key_id else {})}
        return jwt.encode({**claims, "jti": str(uuid.uuid4())}, self.key, self.algorithm, headers)


def load_signer(client_id: str, path: Path, key_id: str | None) -> Signer:
    """Return a signer with the private key of a file, PEM or JWK.

    Raises
    ------
    Refused
        If others may read the file.
    MachineError
        If it cannot be read.
    DefinitionError
        If it holds no key of these kinds.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise Refused(f"others may read {path}; run: chmod 400 '{path}'")
        text = path.read_bytes()
    except OSError as exc:
        raise MachineError(f"{path}: the private key cannot be read ({type(exc).__name__})") from None
    key, told = _key(text)
    if isinstance(key, rsa.RSAPrivateKey) or (
        isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp384r1"
    ):
        return Signer(client_id, key, key_id or told)
    raise DefinitionError(f"{path}: no private key of RSA or P-384, as PEM without a password or as JWK")


def _key(text: bytes) -> tuple[Any, str | None]:
    try:
        if not text.lstrip().startswith(b"{"):
            return load_pem_private_key(text, None), None
        told = json.loads(text)
        told = told["keys"][0] if "keys" in told else told
        algorithm = "RS384" if told.get("kty") == "RSA" else "ES384"
        return jwt.PyJWK({**told, "alg": algorithm}).key, told.get("kid")
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, jwt.PyJWTError):
        return None, None


class Login:
    """Gives the token of a server, a new one where the old one ends or is refused.

    Parameters
    ----------
    http
        How to ask.
    site, base
        The site's name, for messages, and the server's address.
    options
        What to ask permission for, and where, if the server does not tell.
    signer
        Who we are.
    """

    def __init__(self, http: Http, site: str, base: str, options: ServerOptions, signer: Signer) -> None:
        self._http = http
        self._site = site
        self._base = base
        self._options = options
        self._signer = signer
        self._url = ""
        self._token = ""
        self._ends = 0.0
        self._lock = threading.Lock()

    def token(self, refused: str) -> str:
        """Return a token that has some time left and is not the one `refused`."""
        with self._lock:
            if self._token in ("", refused) or time.monotonic() >= self._ends:
                self._fetch()
            return self._token

    def _fetch(self) -> None:
        url = self._url = self._url or self._discover()
        form = {
            "grant_type": "client_credentials",
            "scope": self._options.scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._signer.statement(url),
        }
        answer = self._http.ask("POST", url, login=False, data=form, headers={"Accept": "application/json"})
        told = answer.json()
        if answer.status != 200 or not isinstance(told, dict) or not isinstance(told.get("access_token"), str):
            raise Refused(f"site '{self._site}': the server refuses the login: {_why(answer, told)}")
        if writes := _WRITES.findall(str(told.get("scope") or "")):
            raise Refused(
                f"site '{self._site}': the token may write ({writes[0]}); have the client allowed to read only"
            )
        lasts = told.get("expires_in")
        seconds = float(lasts) if isinstance(lasts, int | float) and not isinstance(lasts, bool) else 300.0
        self._token, self._ends = told["access_token"], time.monotonic() + seconds - min(_SPARE, seconds / 4)

    def _discover(self) -> str:
        """Return the token address that the server names, or the configured one where it names none."""
        place = f"{self._base}/.well-known/smart-configuration"
        try:
            answer = self._http.ask("GET", place, login=False, headers={"Accept": "application/json"})
        except SourceUnreachable:
            if not self._options.token_url:
                raise
            return self._options.token_url
        told = answer.json() if answer.status == 200 else None
        told = told if isinstance(told, dict) else {}
        algorithms = told.get("token_endpoint_auth_signing_alg_values_supported")
        if isinstance(algorithms, list) and algorithms and self._signer.algorithm not in algorithms:
            raise DefinitionError(
                f"site '{self._site}': the server does not take {self._signer.algorithm} signatures; "
                "use a key of another kind"
            )
        url = told.get("token_endpoint") or self._options.token_url
        if not isinstance(url, str):
            raise DefinitionError(f"site '{self._site}': the server does not tell its token address; give token_url")
        return url


def _why(answer: Answer, told: Any) -> str:
    code = told.get("error") if isinstance(told, dict) else None
    return code if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else str(answer)
