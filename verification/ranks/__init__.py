"""Several processes that share the samples of one computation, by torch.distributed."""
