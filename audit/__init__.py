"""What an auditor's machine runs: verify the event log, trace tokens to rows."""
