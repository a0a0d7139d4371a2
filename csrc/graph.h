/* Graphs as arrays, an edge the numbers of two nodes, and what is equal in an array: for the passes
 * of the compiler. */

typedef struct {
    Py_buffer buffers[2];
    const int64_t *from, *to;
    Py_ssize_t edges, nodes;
    Py_ssize_t *start, *next; /* where the neighbours of each node start in `next`, the end last */
} Edges;

static void forget(Edges *e) {
    for (int k = 0; k < 2; k++) PyBuffer_Release(&e->buffers[k]);
    PyMem_Free(e->start);
    PyMem_Free(e->next);
}

/* The neighbours of each node, from two arrays of int64; 0 and an error if they are no edges. */
static int neighbours(Edges *e, PyObject *from, PyObject *to, Py_ssize_t nodes) {
    memset(e, 0, sizeof *e);
    if (PyObject_GetBuffer(from, &e->buffers[0], PyBUF_SIMPLE) < 0) return 0;
    if (PyObject_GetBuffer(to, &e->buffers[1], PyBUF_SIMPLE) < 0) return 0;
    e->from = e->buffers[0].buf;
    e->to = e->buffers[1].buf;
    e->edges = e->buffers[0].len / (Py_ssize_t)sizeof(int64_t);
    e->nodes = nodes;
    int well = e->buffers[0].len == e->buffers[1].len && nodes >= 0;
    for (Py_ssize_t i = 0; well && i < e->edges; i++)
        well = e->from[i] >= 0 && e->from[i] < nodes && e->to[i] >= 0 && e->to[i] < nodes;
    if (!well) {
        PyErr_SetString(PyExc_ValueError, "edges are two arrays of numbers of nodes");
        return 0;
    }
    e->start = PyMem_Calloc((size_t)nodes + 2, sizeof *e->start);
    e->next = PyMem_Malloc(((size_t)e->edges + 1) * sizeof *e->next);
    if (!e->start || !e->next) {
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t i = 0; i < e->edges; i++) e->start[e->from[i] + 2]++;
    for (Py_ssize_t n = 2; n < nodes + 2; n++) e->start[n] += e->start[n - 1];
    for (Py_ssize_t i = 0; i < e->edges; i++)
        e->next[e->start[e->from[i] + 1]++] = (Py_ssize_t)e->to[i];
    return 1;
}

/* longest_paths(users, used, size): see the core in Python */
static PyObject *function_longest_paths(PyObject *module, PyObject *args) {
    PyObject *users, *used, *result = NULL;
    Py_ssize_t size, first = 0, last = 0;
    Edges e;
    if (!PyArg_ParseTuple(args, "OOn", &users, &used, &size)) return NULL;
    int well = neighbours(&e, used, users, size);
    Py_ssize_t *waiting = well ? PyMem_Calloc((size_t)size + 1, sizeof *waiting) : NULL;
    Py_ssize_t *ready = well ? PyMem_Malloc(((size_t)size + 1) * sizeof *ready) : NULL;
    if (well && waiting && ready)
        result = PyBytes_FromStringAndSize(NULL, size * (Py_ssize_t)sizeof(int32_t));
    else if (well) PyErr_NoMemory();
    if (result) {
        int32_t *level = (int32_t *)(void *)PyBytes_AsString(result);
        memset(level, 0, (size_t)size * sizeof *level);
        for (Py_ssize_t i = 0; i < e.edges; i++) waiting[e.to[i]]++;
        for (Py_ssize_t n = 0; n < size; n++)
            if (!waiting[n]) ready[last++] = n;
        for (; first < last; first++) {
            Py_ssize_t n = ready[first];
            for (Py_ssize_t i = e.start[n]; i < e.start[n + 1]; i++) {
                Py_ssize_t m = e.next[i];
                if (level[m] <= level[n]) level[m] = level[n] + 1;
                if (!--waiting[m]) ready[last++] = m;
            }
        }
        if (last < size) {
            Py_DECREF(result);
            result = Py_NewRef(Py_None);
        }
    }
    forget(&e);
    PyMem_Free(waiting);
    PyMem_Free(ready);
    return result;
}

/* reachable(source, to, seed, through): see the core in Python */
static PyObject *function_reachable(PyObject *module, PyObject *args) {
    PyObject *source, *to, *result = NULL;
    const char *seed, *through;
    Py_ssize_t size, others, first = 0, last = 0;
    Edges e;
    if (!PyArg_ParseTuple(args, "OOy#y#", &source, &to, &seed, &size, &through, &others)) return NULL;
    int well = neighbours(&e, source, to, size < others ? size : others);
    Py_ssize_t *found = well ? PyMem_Malloc(((size_t)size + 1) * sizeof *found) : NULL;
    if (found) result = PyBytes_FromStringAndSize(seed, size);
    else if (well) PyErr_NoMemory();
    if (result) {
        char *known = PyBytes_AsString(result);
        for (Py_ssize_t n = 0; n < e.nodes; n++)
            if (known[n]) found[last++] = n;
        for (; first < last; first++) {
            for (Py_ssize_t i = e.start[found[first]]; i < e.start[found[first] + 1]; i++) {
                Py_ssize_t m = e.next[i];
                if (known[m] || !through[m]) continue;
                known[m] = 1;
                found[last++] = m;
            }
        }
    }
    forget(&e);
    PyMem_Free(found);
    return result;
}

/* The distinct keys there have been, each in a slot of a table that is never more than half full. */
typedef struct {
    uint64_t *keys;
    Py_ssize_t *slots, count; /* numbers of keys, from 1 on; 0: free */
    int bits;
} Known;

static Py_ssize_t *slot_of(const Known *known, uint64_t key) {
    uint64_t most = ((uint64_t)1 << known->bits) - 1;
    uint64_t k = (key * 0x9E3779B97F4A7C15u) >> (64 - known->bits);
    while (known->slots[k] && known->keys[known->slots[k] - 1] != key) k = (k + 1) & most;
    return &known->slots[k];
}

/* Makes the table larger; 0 and an error where there is no room. */
static int more_slots(Known *known) {
    Py_ssize_t *slots = PyMem_Calloc((size_t)1 << (known->bits += 2), sizeof *slots);
    if (!slots) {
        PyErr_NoMemory();
        return 0;
    }
    PyMem_Free(known->slots);
    known->slots = slots;
    for (Py_ssize_t i = 0; i < known->count; i++) *slot_of(known, known->keys[i]) = i + 1;
    return 1;
}

/* occurrences(keys): see the core in Python */
static PyObject *function_occurrences(PyObject *module, PyObject *keys) {
    Py_buffer buffer;
    if (PyObject_GetBuffer(keys, &buffer, PyBUF_SIMPLE) < 0) return NULL;
    Py_ssize_t n = buffer.len / (Py_ssize_t)sizeof(uint64_t);
    const uint64_t *key = buffer.buf;
    PyObject *numbers = PyBytes_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof(int64_t));
    PyObject *before = PyBytes_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof(int64_t));
    Known known = {PyMem_Malloc(((size_t)n + 1) * sizeof *known.keys), NULL, 0, 8};
    int64_t *last = PyMem_Malloc(((size_t)n + 1) * sizeof *last);
    int well = numbers && before && known.keys && last;
    int64_t *number = well ? (int64_t *)(void *)PyBytes_AsString(numbers) : NULL;
    int64_t *earlier = well ? (int64_t *)(void *)PyBytes_AsString(before) : NULL;
    if (!well && !PyErr_Occurred()) PyErr_NoMemory();
    well = well && more_slots(&known);
    for (Py_ssize_t i = 0; well && i < n; i++) {
        if (known.count >= (Py_ssize_t)1 << (known.bits - 1)) well = more_slots(&known);
        if (!well) break;
        Py_ssize_t *slot = slot_of(&known, key[i]);
        int is_new = !*slot;
        if (is_new) {
            known.keys[known.count++] = key[i];
            *slot = known.count;
        }
        number[i] = *slot - 1;
        earlier[i] = is_new ? -1 : last[*slot - 1];
        last[*slot - 1] = i;
    }
    PyMem_Free(known.keys);
    PyMem_Free(known.slots);
    PyMem_Free(last);
    PyBuffer_Release(&buffer);
    if (well) return Py_BuildValue("NN", numbers, before);
    Py_XDECREF(numbers);
    Py_XDECREF(before);
    return NULL;
}
