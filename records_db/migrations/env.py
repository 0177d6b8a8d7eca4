"""Alembic runs this file. The connection comes with a transaction begun, which the caller ends, so that a migration is all or nothing."""

from alembic import context

from records_db.models import Base

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    version_table=attributes["version_table"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
