"""Files: strict JSON and its seal, atomic writes, locks, tensors, where a record was made."""
