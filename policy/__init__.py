"""What may happen: limits, rules, the errors' base, and what each process may do to the machine."""
