"""What asyncpg, psycopg and SQLAlchemy say of a key that is not there: alone, in
a batch, in COPY, at COMMIT.

Arguments: host, port, database, user, password; a table, and one that is
checked at COMMIT.  Prints a line of JSON a case.
"""

import asyncio
import json
import sys
import uuid

import asyncpg
import psycopg
import sqlalchemy
from sqlalchemy.exc import DBAPIError, IntegrityError

HOST, PORT, DATABASE, USER, PASSWORD, TABLE, LATE = sys.argv[1:]
THERE = uuid.UUID("00000000-0000-4000-8000-000000000001")
MISSING = uuid.UUID("00000000-0000-4000-8000-0000000000ff")


def kind(error, violation):
    return "foreign key violation" if isinstance(error, violation) else "another error"


def show(driver, case, **fields):
    print(json.dumps({"driver": driver, "case": case} | fields), flush=True)


def show_asyncpg(case, error, driver="asyncpg"):
    show(driver, case, **{"class": kind(error, asyncpg.ForeignKeyViolationError)}, code=error.sqlstate, schema=error.schema_name, table=error.table_name, column=error.column_name,
         constraint=error.constraint_name, message=error.args[0].split("\n")[0], detail=error.detail, hint=error.hint)


def show_psycopg(case, error, driver="psycopg"):
    diag = error.diag
    show(driver, case, **{"class": kind(error, psycopg.errors.ForeignKeyViolation)}, code=diag.sqlstate, schema=diag.schema_name, table=diag.table_name, column=diag.column_name,
         constraint=diag.constraint_name, message=diag.message_primary, detail=diag.message_detail, hint=diag.message_hint)


async def with_asyncpg():
    connection = await asyncpg.connect(host=HOST, port=int(PORT), database=DATABASE, user=USER, password=PASSWORD)
    pid = connection.get_server_pid()
    statement = f"INSERT INTO {TABLE} (product_id) VALUES ($1)"

    async def copy():
        schema, table = TABLE.split(".")
        await connection.copy_records_to_table(table, schema_name=schema, columns=["product_id"], records=[(THERE,), (MISSING,)])

    async def commit():
        async with connection.transaction():
            await connection.execute(f"INSERT INTO {LATE} (product_id) VALUES ($1)", MISSING)

    for case, work in (("alone", lambda: connection.execute(statement, MISSING)),
                       ("batch", lambda: connection.executemany(statement, [(THERE,), (MISSING,), (THERE,)])),
                       ("copy", copy), ("commit", commit)):
        try:
            await work()
            show("asyncpg", case, code="none")
        except asyncpg.PostgresError as error:
            show_asyncpg(case, error)
    await connection.execute(statement, THERE)
    assert connection.get_server_pid() == pid
    await connection.close()


def with_psycopg():
    connection = psycopg.connect(host=HOST, port=PORT, dbname=DATABASE, user=USER, password=PASSWORD)
    pid = connection.info.backend_pid
    statement = f"INSERT INTO {TABLE} (product_id) VALUES (%s)"

    def pipeline():
        with connection.pipeline():
            for key in (THERE, MISSING, THERE):
                connection.execute(statement, (key,))

    def copy():
        with connection.cursor().copy(f"COPY {TABLE} (product_id) FROM STDIN") as lines:
            for key in (THERE, MISSING):
                lines.write_row((key,))

    def commit():
        connection.execute(f"INSERT INTO {LATE} (product_id) VALUES (%s)", (MISSING,))
        connection.commit()

    for case, work in (("alone", lambda: connection.execute(statement, (MISSING,))),
                       ("batch", lambda: connection.cursor().executemany(statement, [(THERE,), (MISSING,), (THERE,)])),
                       ("pipeline", pipeline), ("copy", copy), ("commit", commit)):
        try:
            work()
            show("psycopg", case, code="none")
        except psycopg.Error as error:
            show_psycopg(case, error)
        connection.rollback()
    connection.execute(statement, (THERE,))
    connection.commit()
    assert connection.info.backend_pid == pid
    connection.close()


def with_sqlalchemy():
    url = sqlalchemy.URL.create("postgresql+psycopg", USER, PASSWORD, HOST, int(PORT), DATABASE)
    engine = sqlalchemy.create_engine(url, pool_size=1)

    def table(name):
        schema, relation = name.split(".")
        return sqlalchemy.Table(relation, sqlalchemy.MetaData(), sqlalchemy.Column("product_id", sqlalchemy.UUID), schema=schema)

    for case, target in (("alone", TABLE), ("commit", LATE)):
        try:
            with engine.begin() as connection:
                connection.execute(table(target).insert(), {"product_id": MISSING})
            show("SQLAlchemy", case, code="none")
        except DBAPIError as error:
            assert not error.connection_invalidated
            assert isinstance(error, IntegrityError) == isinstance(error.orig, psycopg.IntegrityError)
            show_psycopg(case, error.orig, "SQLAlchemy")
    engine.dispose()


asyncio.run(with_asyncpg())
with_psycopg()
with_sqlalchemy()
