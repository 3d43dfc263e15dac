// The set-up token comes in the address's fragment, which browsers never send; it is taken out of the address at once.

const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  document.getElementById("setup-token").value = token;
  history.replaceState(null, "", location.pathname);
}
