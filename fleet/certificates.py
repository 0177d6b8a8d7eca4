"""The farm's own certificate authority: one folder with its key, and one bundle file per party.

In: a folder, a role, a name. Out: files for `fleet/tls.py`. The only module that needs the package `cryptography`.
"""

import datetime
import json
import os
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fleet.errors import TlsError
from fleet.revocations import RevokedCertificate, read_revoked, write_revoked
from fleet.tls import Role

AUTHORITY_FILE = "authority.pem"
KEY_FILE = "authority.key"
ISSUED_FILE = "issued.jsonl"  # one JSON object for each certificate
REVOKED_FILE = "revoked.json"
AUTHORITY_DAYS = 3650
CLOCK_SKEW = datetime.timedelta(hours=1)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")


def init_authority(folder: Path) -> Path:
    """Makes the authority in an empty or a new folder; never replaces one. The path of its certificate."""
    certificate_file, key_file = folder / AUTHORITY_FILE, folder / KEY_FILE
    for file in (certificate_file, key_file):
        if file.exists():
            raise TlsError(f"{file} exists: an authority is not replaced; give another folder, or issue certificates with this one")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "Tilewright farm"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tilewright")]
    )
    usage = _key_usage(signs_certificates=True)
    builder = _builder(name, name, key.public_key(), AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(usage, critical=True)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(key_file, _key_text(key), 0o600)
        _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    except OSError as error:
        raise TlsError(f"cannot make the authority in {folder}: {error}") from error
    return certificate_file


def issue(folder: Path, role: Role, name: str, output: Path, days: int) -> None:
    """Writes the bundle of one party: its certificate, its key, and the authority's certificate."""
    if not _NAME.fullmatch(name):
        raise TlsError(f"{name!r} cannot stand in a certificate: letters, digits and . _ @ - are allowed, 63 at most")
    authority, authority_key = _read_authority(folder)
    left = authority.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    if days > left.days:
        raise TlsError(f"the authority in {folder} ends in {left.days} days, and with it all certificates: {days} days are too many")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role.value)])
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if role is Role.TRACKER else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(subject, authority.subject, key.public_key(), days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    certificate = builder.sign(authority_key, hashes.SHA256())
    entry = {
        "serial": f"{certificate.serial_number:x}",
        "name": name,
        "role": role.value,
        "until": certificate.not_valid_after_utc.isoformat(),
    }
    pem = serialization.Encoding.PEM
    try:
        with (folder / ISSUED_FILE).open("a", encoding="ascii") as issued:
            issued.write(json.dumps(entry) + "\n")
    except OSError as error:
        raise TlsError(f"cannot note in {folder / ISSUED_FILE} what is issued: {error}") from error
    try:
        _write(output, certificate.public_bytes(pem) + _key_text(key) + authority.public_bytes(pem), 0o600)
    except OSError as error:
        raise TlsError(f"cannot write {output}: {error}") from error


def revoke(folder: Path, name: str, output: Path | None = None) -> list[RevokedCertificate]:
    """Adds all certificates that were issued for the name so far to the authority's list; those of them that were not on it.

    output: a copy of the whole list.
    """
    _read_authority(folder)
    issued = _read_issued(folder)
    known = {entry["name"] for entry in issued}
    if name not in known:
        listed = ", ".join(sorted(known)) or "nobody"
        raise TlsError(f"the authority in {folder} has issued no certificate for {name!r}; it has for: {listed}")
    list_file = folder / REVOKED_FILE
    revoked = read_revoked(list_file) if list_file.exists() else []
    old = {entry.serial for entry in revoked}
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    new = [
        RevokedCertificate(serial=entry["serial"], name=name, role=entry["role"], time=now)
        for entry in issued
        if entry["name"] == name and entry["serial"] not in old
    ]
    for file in (list_file, output):
        if file is not None:
            write_revoked(file, revoked + new)
    return new


def _read_issued(folder: Path) -> list[dict[str, str]]:
    path = folder / ISSUED_FILE
    try:
        issued = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()] if path.exists() else []
        return [{name: str(entry[name]) for name in ("serial", "name", "role")} for entry in issued]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TlsError(f"cannot read {path}: {error}") from error


def _read_authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate((folder / AUTHORITY_FILE).read_bytes())
        key = serialization.load_pem_private_key((folder / KEY_FILE).read_bytes(), None)
    except (OSError, ValueError) as error:
        raise TlsError(f"no authority in {folder} ({error}); make one with: tilewright farm init-ca --ca {folder}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TlsError(f"the key in {folder} is of another kind than `tilewright farm init-ca` makes")
    return certificate, key


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key, serial_number=x509.random_serial_number())
    builder = builder.not_valid_before(now - CLOCK_SKEW).not_valid_after(now + datetime.timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    """A new file, never one that is there already."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
