// An application that knows nothing of OpenTelemetry, with a few routes to call.
const express = require("express");

const app = express();
app.use(express.json());
app.get("/items/:id", (request, response) => response.json({ id: request.params.id }));
app.post("/items", (request, response) => response.status(201).json(request.body));
app.get("/boom", () => {
  throw new TypeError("boom happened");
});

app.listen({ fd: Number(process.argv[2]) });
process.on("SIGTERM", () => setTimeout(() => process.exit(), 1000));
