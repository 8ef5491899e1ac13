"""How often one may call: counted per caller and class of doors, in this process alone."""
