"""The shop's services as their processes see them: asyncpg, a pool for each
database, one URL for the new database and one for the legacy one.

Arguments: host and port of the server.  Passwords come from libpq's password
file.  Prints a plan and a line a check, and leaves the data as they were.
"""

import asyncio
import sys
import uuid

import asyncpg

HOST, PORT = sys.argv[1:3]
PLAN = 21
KENJI = uuid.UUID("a0000000-0000-4000-8000-000000000011")


def ok(passed, description):
    print(("ok" if passed else "not ok") + " - " + description, flush=True)


def url(database, user):
    return f"postgresql://{user}@/{database}?host={HOST}&port={PORT}"


async def refused(connection, error, statement, *arguments):
    try:
        async with connection.transaction():
            await connection.execute(statement, *arguments)
    except error:
        return True
    return False


async def pools():
    """One pool for each service, as each process has its own."""
    return {
        service: await asyncpg.create_pool(url(f"{service}_db", f"{service}_user"), min_size=1, max_size=4)
        for service in ("auth", "product", "cart", "promotion")
    }


async def check_settings(pool):
    """asyncpg resets a connection when it goes back to its pool."""
    for _ in range(3):
        async with pool["cart"].acquire() as cart:
            row = await cart.fetchrow("SELECT session_user, current_user, svc.current_service() AS service")
            await cart.execute("SET search_path = nowhere")
    async with pool["cart"].acquire() as cart:
        path = await cart.fetchval("SHOW search_path")
    ok(tuple(row) == ("cart_user", "cart_owner", "cart"), "the login works as its owner role")
    ok(path == "public, svc_triggers", "and still does when a connection has been reset")


async def check_contracts(pool):
    cart = pool["cart"]
    products = await cart.fetch("SELECT id, sku, price FROM product_api.products WHERE sku = ANY ($1) ORDER BY sku", ["BOO-001", "LAP-001"])
    ok([p["sku"] for p in products] == ["BOO-001", "LAP-001"], "products by a prepared statement, out of another database")
    user = await cart.fetchrow("SELECT * FROM auth_api.users WHERE id = $1", KENJI)
    ok(user["username"] == "kenji" and isinstance(user["id"], uuid.UUID), "a customer, with a uuid")
    ok("password_hash" not in user.keys(), "without a password")
    codes = await pool["cart"].fetch("SELECT code, product_ids FROM promotion_api.promo_codes ORDER BY code")
    ok([c["code"] for c in codes][:1] == ["BOOKS5"] and len(codes[0]["product_ids"]) == 3, "promo codes, with an array")
    async with cart.acquire() as connection:
        ok(await refused(connection, asyncpg.InsufficientPrivilegeError, "UPDATE product_api.products SET price = $1", 1),
           "a contract is not written: InsufficientPrivilegeError")
        ok(await refused(connection, asyncpg.InsufficientPrivilegeError, "SELECT * FROM product_import.products"),
           "nor passed by")
        async with connection.transaction():
            found = 0
            async for _ in connection.cursor("SELECT id FROM product_api.products", prefetch=3):
                found += 1
        ok(found == 20, "a cursor over a contract")
    together = await asyncio.gather(*(cart.fetchval("SELECT count(*) FROM product_api.products") for _ in range(12)))
    ok(together == [20] * 12, "twelve tasks at once")
    return {p["sku"]: p for p in products}


async def check_cart(pool, products):
    cart_id = uuid.uuid4()
    async with pool["cart"].acquire() as cart:
        async with cart.transaction():
            await cart.execute("INSERT INTO carts (id, user_id) VALUES ($1, $2)", cart_id, KENJI)
            await cart.executemany(
                "INSERT INTO cart_items (cart_id, product_id, quantity, unit_price) VALUES ($1, $2, $3, $4)",
                [(cart_id, p["id"], 1, p["price"]) for p in products.values()])
        ok(await cart.fetchval("SELECT item_count FROM carts WHERE id = $1", cart_id) == 2, "a counter after executemany")
        ok(await refused(cart, asyncpg.UniqueViolationError, "INSERT INTO carts (user_id) VALUES ($1)", KENJI), "one active cart a customer")
        result = await cart.copy_records_to_table(
            "reference_validation_log", records=[("product", str(n), "asyncpg", "valid") for n in range(50)],
            columns=["reference_type", "reference_id", "referencing", "status"])
        ok(result == "COPY 50", "COPY of fifty rows")
        row = await cart.fetchrow("UPDATE carts SET updated_at = '2001-01-01' WHERE id = $1 RETURNING updated_at, now() AS now", cart_id)
        ok(row["updated_at"] == row["now"], "updated_at keeps itself")
    async with pool["promotion"].acquire() as promotion:
        seen = await promotion.fetchrow("SELECT user_id, item_count FROM cart_api.carts WHERE id = $1", cart_id)
        ok(tuple(seen) == (KENJI, 2), "the promotion service sees the cart")
        transaction = promotion.transaction()
        await transaction.start()
        use = ("INSERT INTO promo_usage (promo_code_id, user_id, cart_id, order_total, discount_amount)"
               " SELECT id, $1, $2, 1000, 50 FROM promo_codes WHERE code = 'LASTTHREE'")
        await promotion.execute(use, KENJI, cart_id)
        ok(await refused(promotion, asyncpg.CheckViolationError, use, KENJI, uuid.uuid4()), "a limit: CheckViolationError")
        await transaction.rollback()
    async with pool["cart"].acquire() as cart:
        await cart.execute("DELETE FROM carts WHERE id = $1", cart_id)
        await cart.execute("DELETE FROM reference_validation_log WHERE referencing = 'asyncpg'")


async def check_legacy(pool):
    """Both are written while the move goes on; the legacy one can be gone back to."""
    legacy = await asyncpg.connect(url("poc", "poc_user"))
    async with pool["product"].acquire() as product:
        for change in (1, -1):
            for connection in (product, legacy):
                await connection.execute("UPDATE product_inventory SET quantity = quantity + $1", change)
        both = [await c.fetch("SELECT product_id, quantity FROM product_inventory ORDER BY 1") for c in (product, legacy)]
    ok(both[0] == both[1] and len(both[0]) == 20, "both databases were written, and have the same stock")
    ok(await legacy.fetchval("SELECT count(*) FROM cart_items JOIN products p ON p.id = product_id") == 14, "the legacy one joins everything")
    await legacy.close()


async def check_strangers():
    for database, user in (("product_db", "cart_user"), ("poc", "cart_user"), ("cart_db", "poc_user")):
        try:
            connection = await asyncpg.connect(url(database, user), password="whatever")
            await connection.close()
            ok(False, f"{user} does not get into {database}")
        except (asyncpg.InvalidPasswordError, asyncpg.InsufficientPrivilegeError):
            ok(True, f"{user} does not get into {database}")


async def main():
    print(f"1..{PLAN}")
    pool = await pools()
    await check_settings(pool)
    await check_cart(pool, await check_contracts(pool))
    await check_legacy(pool)
    await check_strangers()
    for each in pool.values():
        await each.close()


asyncio.run(main())
