"""Alembic's folder: `env.py` runs the revisions in `versions/` on the connection that `records_db/migrate.py` hands over.

A new revision is a copy of the newest file there with the next number, and the same change in `models.py`; then set `SCHEMA` in
`migrate.py` and add a database of the old schema to the tests, which compare the migrated tables with the models.
"""
