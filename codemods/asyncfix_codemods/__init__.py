"""The built-in codemods: one anti-pattern, one module."""
