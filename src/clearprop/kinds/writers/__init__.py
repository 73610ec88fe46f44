"""How every layer is written: its two passes as lines with their equations."""
