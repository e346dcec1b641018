// Reads {secret, body, headers} from standard input and says what the official library made of it.
const { Webhook } = require("standardwebhooks");

let text = "";
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", () => {
  const { secret, body, headers } = JSON.parse(text);
  try {
    process.stdout.write(JSON.stringify(new Webhook(secret).verify(body, headers)));
  } catch (error) {
    process.stdout.write(JSON.stringify({ refused: error.constructor.name }));
  }
});
