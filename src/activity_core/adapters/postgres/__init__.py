"""The store in PostgreSQL: one class per port, SQL in them, migrations beside them.

Every class takes the pool and the tenant whose rows it sees. Statements are set-based; what must
be one transaction is one (`pool.transaction`), and as many statements as can travel in one packet.
"""
