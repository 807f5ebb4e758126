"""The quantum layer of ITU-T Y.3802: QKD modules, their links, key distillation. Speaks up at Kq-1 and Kq-2."""
