/* Trains the article's network, which export.py has written, and prints where it ends. */

#include <stdio.h>
#include <string.h>

#include "data.h"
#include "net.h"

int main(void)
{
    double parameters[NET_PARAMETERS];
    double state[NET_STATE];
    double loss = 0.0;

    memcpy(parameters, net_parameters, sizeof parameters);
    memcpy(state, net_state, sizeof state);
    for (int i = 0; i < STEPS; i++) {
        loss = net_step(parameters, state, X, y);
    }
    printf("%.17g\n", loss);
    for (int i = 0; i < NET_PARAMETERS; i++) {
        printf("%.17g\n", parameters[i]);
    }
    return 0;
}
