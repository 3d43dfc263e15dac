"""The consent ledger: who agreed to what, on which words, until when; and the end of it. `machine` has the states."""
