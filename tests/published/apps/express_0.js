// Apitally's example for Express, 0.x, with a few routes to call.
const express = require("express");
const { useApitally } = require("apitally/express");

const app = express();
app.use(express.json());

const requestLogging = {
  enabled: true,
  logRequestHeaders: true,
  logRequestBody: true,
  logResponseBody: true,
};
useApitally(app, {
  clientId: process.env.CLIENT_ID,
  env: "dev", // or "prod" etc.
  ...(process.env.REQUEST_LOGS ? { requestLogging } : {}),
});

app.use((request, response, next) => {
  const name = request.headers["x-consumer"];
  if (name) {
    const title = name[0].toUpperCase() + name.slice(1);
    request.apitallyConsumer = { identifier: name, name: title, group: "Testers" };
  }
  next();
});
app.get("/items/:id", (request, response) => response.json({ id: request.params.id }));
app.post("/items", (request, response) => response.status(201).json(request.body));
app.get("/boom", () => {
  throw new TypeError("boom happened");
});
app.get("/never", () => {});

app.listen({ fd: Number(process.argv[2]) });
process.on("SIGTERM", () => setTimeout(() => process.exit(), 1000));
