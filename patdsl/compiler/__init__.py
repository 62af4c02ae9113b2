"""From the AST to a pass module: names, types, patterns, proofs, and the text that is written."""
