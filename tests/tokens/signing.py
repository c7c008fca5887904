"""A checkpoint over all there is, as the signer publishes it, without a signer running."""

from __future__ import annotations

from asyncpg import Connection, Record
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from events import checkpoint as checkpoints
from events.checkpoint import Checkpoint, verifier_key
from events.tiles import TileBuilder


async def sign(owner: Connection[Record]) -> None:
    leaves = await owner.fetch("SELECT leaf_hash FROM ledger.event ORDER BY number")
    tree = TileBuilder()
    tree.extend([row["leaf_hash"] for row in leaves])
    origin = "pushgate/" + await owner.fetchval("SELECT origin FROM ledger.head")
    private = Ed25519PrivateKey.generate()
    checkpoint = Checkpoint(origin=origin, size=tree.size, root=tree.root())
    await owner.execute(
        "INSERT INTO ledger.checkpoint (origin, size, root, note, key) VALUES ($1, $2, $3, $4, $5)",
        origin,
        tree.size,
        tree.root(),
        checkpoints.sign(checkpoint, private),
        str(verifier_key(origin, private)),
    )
