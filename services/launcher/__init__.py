"""What `pushgate up` is: PostgreSQL and the programs as children that end with their parent.

The entry point is ``stack.run_stack``.
"""
