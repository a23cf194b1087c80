"""Programs that sounds are sent to, one module each; :mod:`.registry` names them."""
