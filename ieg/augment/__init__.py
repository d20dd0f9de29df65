"""Image augmentation as batched graph operations with stateless randomness."""
