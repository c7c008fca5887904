"""``pushgate up``: Postgres and the programs as children that die with their parent.

``up.run_everything`` is the way in.
"""
