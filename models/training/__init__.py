"""How the models that come with Anju were made: needs the extra ``training``, runs on developers' machines only."""
