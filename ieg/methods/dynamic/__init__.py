"""The parts of Dynamic Loss: its two small networks, ranks, and the choice of its meta set."""
