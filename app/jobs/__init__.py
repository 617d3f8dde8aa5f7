"""The durable side: rows of work become DBOS workflows, whose steps are checkpointed and taken over."""
