# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# Values of trust.json beside those of the first set: apt-get install r-cran-metafor r-cran-rpact r-cran-jsonlite
# (Debian 12); Rscript scripts/trust.R from the folder above.
suppressMessages({library(metafor); library(rpact); library(jsonlite)})
case <- function(id, call, package, expect, rel, why)
  list(case = id, data = "none (inputs in expect.input)", call = call, package = package, expect = expect,
       tolerance = list(rel = rel, abs = 1e-12, why = why))
sets <- list(bcg = list(), small = list(yi = c(-0.3, -0.1, -0.6), vi = c(0.04, 0.02, 0.09)))
d <- read.csv("meta_bcg.csv")
e <- escalc(measure = "RR", ai = a, bi = b, ci = c, di = d, data = d)
sets$bcg <- list(yi = as.numeric(e$yi), vi = as.numeric(e$vi))
tight <- list(tol = 1e-14, threshold = 1e-14, maxiter = 10000)
cases <- list()
for (name in names(sets)) {
  y <- sets[[name]]$yi; v <- sets[[name]]$vi
  fit <- rma(yi = y, vi = v, method = "REML", control = tight)
  b <- blup(fit)
  q <- confint(fit, control = list(tol = 1e-13, maxiter = 10000))$random["tau^2", ]
  cases[[length(cases) + 1]] <- case(paste0("blup.", name), "rma(method='REML'); blup(); confint(control=list(tol=1e-13))",
    paste("metafor", packageVersion("metafor")),
    list(input = sets[[name]], blup = as.numeric(b$pred), se = as.numeric(b$se),
         tau2 = fit$tau2, q_profile = c(q[["ci.lb"]], q[["ci.ub"]])), 1e-8, "carried to the optimum")
}
for (k in c(2, 3, 5, 10)) for (alpha in c(0.025, 0.05)) for (kind in c("asOF", "asP")) {
  s <- getDesignGroupSequential(kMax = k, alpha = alpha, sided = 1, typeOfDesign = kind,
                                informationRates = seq_len(k) / k, tolerance = 1e-10)
  cases[[length(cases) + 1]] <- case(sprintf("spending.%s_%d_%s", kind, k, sub("0.", "", alpha)),
    "getDesignGroupSequential(kMax, alpha, sided=1, typeOfDesign, informationRates, tolerance=1e-10)",
    paste("rpact", packageVersion("rpact")),
    list(input = list(rates = s$informationRates, alpha = alpha), critical = s$criticalValues,
         spent = s$alphaSpent), 1e-6, "numerical integration of both")
}
s <- getDesignGroupSequential(kMax = 4, alpha = 0.025, sided = 1, typeOfDesign = "asOF",
                              informationRates = c(0.2, 0.3, 0.75, 1), tolerance = 1e-10)
cases[[length(cases) + 1]] <- case("spending.asOF_uneven", "informationRates = c(0.2, 0.3, 0.75, 1)",
  paste("rpact", packageVersion("rpact")),
  list(input = list(rates = s$informationRates, alpha = 0.025), critical = s$criticalValues, spent = s$alphaSpent),
  1e-6, "numerical integration of both")
# what fisher.test solves with uniroot's default tolerance of 1.2e-4, solved to the end
for (t in list(list("a", 15, 100, 30, 110), list("b", 3, 12, 9, 14))) {
  x <- t[[2]]; m <- t[[3]]; n <- t[[5]]; k <- t[[2]] + t[[4]]
  support <- max(0, k - n):min(k, m)
  density <- function(log_or) {
    l <- dhyper(support, m, n, k, log = TRUE) + log_or * support
    p <- exp(l - max(l)); p / sum(p)
  }
  root <- function(f) exp(uniroot(f, c(-20, 20), tol = 1e-15, maxiter = 10000)$root)
  cases[[length(cases) + 1]] <- case(paste0("conditional_odds_ratio.", t[[1]]), "the equations of fisher.test, uniroot(tol = 1e-15)",
    "R", list(input = list(n_event = x, n = m, n_event_0 = t[[4]], n_0 = n),
         estimate = root(function(l) sum(support * density(l)) - x),
         limits = c(root(function(l) sum(density(l)[support >= x]) - 0.025),
                    root(function(l) sum(density(l)[support <= x]) - 0.025))), 1e-9, "carried to the root")
}
write(toJSON(list(cases = cases), digits = NA, auto_unbox = TRUE, pretty = TRUE), "looks.json")
