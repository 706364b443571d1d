"""The installers that can fill an environment, behind one Protocol."""
