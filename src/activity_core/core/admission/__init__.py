"""Who may send what: proof, mapping, schemas. Pure: secrets, keys and the time are handed in."""
