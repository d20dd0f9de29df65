"""Image augmentation as batched graph operations with stateless random numbers."""
