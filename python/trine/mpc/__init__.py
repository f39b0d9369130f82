"""Shares: secret values held by three parties (or additively by any number), and the protocols that compute on them."""

from trine.mpc import additive, functions
from trine.mpc.party import Party, Replicated
from trine.mpc.secret import Secret
from trine.mpc.session import LocalSession, PartySession, PerParty, Session
from trine.mpc.share import accept, deal, reconstruct

__all__ = [
    "LocalSession",
    "Party",
    "PartySession",
    "PerParty",
    "Replicated",
    "Secret",
    "Session",
    "accept",
    "additive",
    "deal",
    "functions",
    "reconstruct",
]
