"""Parts of Dynamic Loss: its two small networks, loss ranks, and the selection of its meta set.

The paper and what is followed of its released code: see `ieg.methods.dynamic_loss`.
"""
