"""`tilewright farm`: the certificates of a fleet, from an authority of its own."""

from pathlib import Path

import click

from fleet import Role
from fleet.certificates import REVOKED_FILE, init_authority
from fleet.certificates import issue as issue_bundle
from fleet.certificates import revoke as revoke_certificates
from tilewright.fleet_errors import shown_as_errors

DEFAULT_DAYS = 825

authority_option = click.option(
    "--ca",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the authority; keep it off the network.",
)


@click.group()
def farm() -> None:
    """Make the certificates that a tracker, its devices and its clients know each other by."""


@farm.command(name="init-ca")
@authority_option
def init_ca(folder: Path) -> None:
    """Make an authority, once for a fleet."""
    with shown_as_errors():
        certificate = init_authority(folder)
    click.echo(
        f"Made an authority: {certificate}. Issue certificates with: tilewright farm issue --ca {folder} --role device NAME -o NAME.tls"
    )


@farm.command()
@authority_option
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]), help="What the owner may be.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The bundle to write.")
@click.option("--days", type=click.IntRange(min=1), default=DEFAULT_DAYS, show_default=True, help="How long it is valid.")
@click.argument("name")
def issue(folder: Path, role: str, output: Path, days: int, name: str) -> None:
    """Write the bundle of one party: its certificate, its key and the authority, in one file that is given as --tls."""
    with shown_as_errors():
        issue_bundle(folder, Role(role), name, output, days)
    click.echo(f"Wrote {output} for the {role} {name}, valid {days} days. It holds a private key: copy it by a way that you trust.")


@farm.command()
@authority_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="A copy of the list, where a tracker reads it.")
@click.argument("name")
def revoke(folder: Path, output: Path | None, name: str) -> None:
    """Shut out whoever has a certificate for NAME: all that were issued for it so far go on the authority's revocation list."""
    with shown_as_errors():
        revoked = revoke_certificates(folder, name, output)
    listed = ", ".join(f"{entry.role} {entry.serial}" for entry in revoked) or "nothing new, it was revoked before"
    click.echo(f"Revoked {name}: {listed}. Bring {output or folder / REVOKED_FILE} to the tracker: tilewright tracker --revoked FILE")
    if any(entry.role == Role.TRACKER for entry in revoked):
        click.echo("Devices and clients read no list: to be safe from a stolen tracker's certificate, make a new authority.")
