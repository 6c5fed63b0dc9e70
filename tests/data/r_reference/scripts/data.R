# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# Sets of the R package survival that the golden cases use, written as csv with numbers for levels.

source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "common.R"))

write <- function(d, name) write.csv(d, file.path(folder, name), row.names = FALSE, quote = FALSE, na = "")

h <- survival::heart
write(data.frame(id = h$id, start = h$start, stop = h$stop, event = h$event, age = h$age, year = h$year,
                 surgery = h$surgery, transplant = as.integer(h$transplant) - 1L), "heart.csv")

m <- survival::mgus2
write(data.frame(id = m$id, age = as.numeric(m$age), male = as.integer(m$sex == "M"), ptime = m$ptime,
                 pstat = m$pstat, futime = m$futime, death = m$death), "mgus2.csv")

b <- survival::bladder2
write(b, "bladder2.csv")
write(survival::bladder, "bladder.csv")
