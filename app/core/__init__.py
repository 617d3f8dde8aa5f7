"""Everything that thinks, and nothing that does I/O: plain values in, plain values out."""
